//! The maps of a world, by name and type.

use anyhow::{Context, Result};
use aya::{
    Ebpf, Pod,
    maps::{
        Array, HashMap, LpmTrie, MapData, PerCpuArray, PerCpuHashMap, PerCpuValues, lpm_trie::Key,
    },
    util::nr_cpus,
};
use netfwd_common::{
    addr::Addr,
    maps::{Config, Counters, DropKey, Epoch, Subnet},
    verdict::DropReason,
};

/// Access to the maps of a loaded object.
#[derive(Debug)]
pub struct Tables<'a>(pub(super) &'a mut Ebpf);

impl Tables<'_> {
    fn hash<K: Pod, V: Pod>(&mut self, name: &str) -> Result<HashMap<&mut MapData, K, V>> {
        let map = self
            .0
            .map_mut(name)
            .with_context(|| format!("map {name} is not there"))?;
        HashMap::try_from(map).with_context(|| format!("map {name}"))
    }

    /// Puts an entry into a hash map, and has the programs look at it, as the loader does.
    pub fn put<K: Pod, V: Pod>(&mut self, name: &str, key: &K, value: &V) -> Result<()> {
        self.put_unnoticed(name, key, value)?;
        self.renew()
    }

    /// Puts an entry into a hash map; what programs remember, they go on by.
    pub fn put_unnoticed<K: Pod, V: Pod>(&mut self, name: &str, key: &K, value: &V) -> Result<()> {
        self.hash::<K, V>(name)?
            .insert(key, value, 0)
            .with_context(|| format!("map {name}"))
    }

    /// Takes an entry out of a hash map; what programs remember, they go on by.
    pub fn remove_unnoticed<K: Pod, V: Pod>(&mut self, name: &str, key: &K) -> Result<()> {
        Ok(self.hash::<K, V>(name)?.remove(key)?)
    }

    /// Has the programs look everything up again.
    pub fn renew(&mut self) -> Result<()> {
        let mut epoch: Epoch = self.element("epoch", 0)?;
        epoch.loader += 1;
        self.set_element("epoch", 0, epoch)
    }

    /// The entry of a hash map with a key.
    pub fn get<K: Pod, V: Pod>(&mut self, name: &str, key: &K) -> Result<Option<V>> {
        match self.hash::<K, V>(name)?.get(key, 0) {
            Ok(value) => Ok(Some(value)),
            Err(aya::maps::MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("map {name}")),
        }
    }

    /// All entries of a hash map.
    pub fn all<K: Pod, V: Pod>(&mut self, name: &str) -> Result<Vec<(K, V)>> {
        let map = self.hash::<K, V>(name)?;
        let entries = map.iter().collect::<Result<_, _>>();
        entries.with_context(|| format!("map {name}"))
    }

    /// Empties a hash map.
    pub fn clear<K: Pod, V: Pod>(&mut self, name: &str) -> Result<()> {
        for (key, _) in self.all::<K, V>(name)? {
            self.hash::<K, V>(name)?.remove(&key)?;
        }
        self.renew()
    }

    /// An element of an array.
    pub fn element<V: Pod>(&mut self, name: &str, index: u32) -> Result<V> {
        Ok(self.array::<V>(name)?.get(&index, 0)?)
    }

    /// All elements of a per-CPU array, over all CPUs.
    pub fn per_cpu<V: Pod>(&mut self, name: &str) -> Result<Vec<V>> {
        let map = self
            .0
            .map_mut(name)
            .with_context(|| format!("map {name} is not there"))?;
        let array: PerCpuArray<&mut MapData, V> = PerCpuArray::try_from(map)?;
        let elements = array.iter().collect::<Result<Vec<_>, _>>()?;
        Ok(elements
            .iter()
            .flat_map(|cpus| cpus.iter().copied())
            .collect())
    }

    /// Sets an element of an array.
    pub fn set_element<V: Pod>(&mut self, name: &str, index: u32, value: V) -> Result<()> {
        Ok(self.array::<V>(name)?.set(index, value, 0)?)
    }

    fn array<V: Pod>(&mut self, name: &str) -> Result<Array<&mut MapData, V>> {
        let map = self
            .0
            .map_mut(name)
            .with_context(|| format!("map {name} is not there"))?;
        Array::try_from(map).with_context(|| format!("map {name}"))
    }

    /// Writes the configuration.
    pub fn set_config(&mut self, config: Config) -> Result<()> {
        self.set_element("config", 0, config)
    }

    /// Puts an IPv4 subnet into its trie.
    pub fn put_subnet(&mut self, prefix: u32, address: Addr, subnet: Subnet) -> Result<()> {
        const MAPPED: u32 = 96;
        self.put_prefix(MAPPED + prefix, address, subnet)
    }

    /// Puts a subnet into its trie, whose prefix has so many bits there.
    pub fn put_prefix(&mut self, prefix: u32, address: Addr, subnet: Subnet) -> Result<()> {
        let map = self
            .0
            .map_mut("subnets")
            .context("map subnets is not there")?;
        let mut trie = LpmTrie::try_from(map)?;
        Ok(trie.insert(&Key::new(prefix, address), subnet, 0)?)
    }

    fn counters_map(&mut self) -> Result<PerCpuArray<&mut MapData, Counters>> {
        let map = self
            .0
            .map_mut("counters")
            .context("map counters is not there")?;
        Ok(PerCpuArray::try_from(map)?)
    }

    /// A slot's counters, over all CPUs.
    pub fn counters(&mut self, slot: u32) -> Result<Counters> {
        let per_cpu = self.counters_map()?.get(&slot, 0)?;
        Ok(per_cpu
            .iter()
            .fold(Counters::default(), |sum, cpu| Counters {
                rx_packets: sum.rx_packets + cpu.rx_packets,
                rx_bytes: sum.rx_bytes + cpu.rx_bytes,
                tx_packets: sum.tx_packets + cpu.tx_packets,
                tx_bytes: sum.tx_bytes + cpu.tx_bytes,
            }))
    }

    /// Sets a slot's counters to zero.
    pub fn zero_counters(&mut self, slot: u32) -> Result<()> {
        let cpus = nr_cpus().map_err(|(what, error)| anyhow::anyhow!("{what}: {error}"))?;
        let zero = PerCpuValues::try_from(vec![Counters::default(); cpus])?;
        Ok(self.counters_map()?.set(slot, zero, 0)?)
    }

    fn drops_map(&mut self) -> Result<PerCpuHashMap<&mut MapData, DropKey, u64>> {
        let map = self.0.map_mut("drops").context("map drops is not there")?;
        Ok(PerCpuHashMap::try_from(map)?)
    }

    /// All drops: slot, reason, and how many over all CPUs.
    pub fn drops(&mut self) -> Result<Vec<(u32, DropReason, u64)>> {
        let map = self.drops_map()?;
        map.iter()
            .map(|entry| {
                let (DropKey { slot, reason }, counts) = entry?;
                let named = DropReason::from_number(reason);
                let reason = named.with_context(|| format!("drop reason {reason} has no name"))?;
                Ok((slot, reason, counts.iter().sum()))
            })
            .collect()
    }

    /// Forgets all drops.
    pub fn clear_drops(&mut self) -> Result<()> {
        let mut map = self.drops_map()?;
        let keys: Vec<DropKey> = map.keys().collect::<Result<_, _>>()?;
        keys.iter().try_for_each(|key| Ok(map.remove(key)?))
    }
}
