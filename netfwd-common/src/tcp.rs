//! The state of a TCP session, read off the flags that each side has sent.
//!
//! Each direction's entry collects its own flags, so that neither direction writes the other's
//! cache line; the state is a function of both.

/// A side sent FIN.
pub const FIN: u8 = 0x01;
/// A side sent SYN.
pub const SYN: u8 = 0x02;
/// A side sent RST.
pub const RST: u8 = 0x04;
/// A side sent ACK.
pub const ACK: u8 = 0x10;
/// The other side sent FIN. No flag of TCP's: it stands where ECE does, which is not kept.
pub const PEER_FIN: u8 = 0x40;
/// The other side sent RST. It stands where CWR does.
pub const PEER_RST: u8 = 0x80;
/// The flags that a direction keeps of its packets.
pub const KEPT: u8 = FIN | SYN | RST | ACK;

/// Whether a packet with these flags, of a direction that has kept `own`, changes what is kept.
#[inline(always)]
pub const fn is_news(own: u8, packet: u8) -> bool {
    let ended = own & (FIN | PEER_FIN) != 0 && packet & SYN != 0;
    packet & KEPT & !own != 0 || own & (RST | PEER_RST) != 0 || ended
}

/// Whether a session is closed or reset, as either direction has kept it: a new one may take its place.
#[inline(always)]
pub const fn is_closed(own: u8) -> bool {
    const BOTH: u8 = FIN | PEER_FIN;
    own & (RST | PEER_RST) != 0 || own & BOTH == BOTH
}

/// What both directions keep after a packet with these flags, of the first.
///
/// A SYN alone on a session that was ended opens it anew: clients reuse their ports. A RST ends a session
/// only for as long as nothing else follows: whoever made it up cannot cut a connection whose ends
/// go on (RFC 7857 §2.2, as RFC 6146 §3.5.2.2 has it).
#[inline(always)]
pub const fn after(own: u8, other: u8, packet: u8) -> (u8, u8) {
    const ENDED: u8 = FIN | RST;
    let packet = packet & KEPT;
    if packet & (SYN | ACK | RST) == SYN && (own | other) & ENDED != 0 {
        return (packet, 0);
    }
    if packet & RST != 0 {
        return (own | packet, other | PEER_RST);
    }
    let told = if packet & FIN != 0 { PEER_FIN } else { 0 };
    let forget = RST | PEER_RST;
    ((own & !forget) | packet, (other & !forget) | told)
}

/// Where a TCP session stands, as far as its timers care (RFC 5382 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// The handshake is not complete: a transitory session.
    Opening,
    /// Both sides have sent SYN and ACK.
    Established,
    /// Both sides sent FIN: transitory. One alone may stay half open for as long as it likes.
    Closing,
    /// A side sent RST: transitory.
    Reset,
}

impl TcpState {
    /// The state of a session whose sides have sent these flags so far.
    #[inline(always)]
    pub const fn from_flags(original: u8, reply: u8) -> Self {
        let both = original & reply;
        let either = original | reply;
        if either & RST != 0 {
            Self::Reset
        } else if both & FIN != 0 {
            Self::Closing
        } else if both & SYN != 0 && both & ACK != 0 {
            Self::Established
        } else {
            Self::Opening
        }
    }

    /// The name as users read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Established => "established",
            Self::Closing => "closing",
            Self::Reset => "reset",
        }
    }
}
