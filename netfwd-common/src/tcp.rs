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
