//! Addresses: what kind of place one names, and which one is meant behind a disguise.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// The internet at large.
    Public,
    /// The machine itself.
    Loopback,
    /// No address in particular: `0.0.0.0`, `::`.
    Unspecified,
    /// A service of the provider that hands out a machine's own credentials.
    Metadata,
    /// The same link.
    LinkLocal,
    /// A private network (RFC 1918, RFC 4193, the former site-local).
    Private,
    /// Behind a carrier's translation (RFC 6598).
    Shared,
    /// A group.
    Multicast,
    /// Everybody on the link.
    Broadcast,
    /// Documentation, benchmarks, or not given out for use.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressClass::Public => "a public address",
            AddressClass::Loopback => "a loopback address: a service of this machine",
            AddressClass::Unspecified => "the unspecified address: every interface of this machine",
            AddressClass::Metadata => {
                "the metadata service of a cloud provider, which hands out credentials"
            }
            AddressClass::LinkLocal => "a link-local address",
            AddressClass::Private => "an address of a private network",
            AddressClass::Shared => "an address of a carrier's shared range",
            AddressClass::Multicast => "a multicast address",
            AddressClass::Broadcast => "the broadcast address",
            AddressClass::Reserved => "a reserved address",
        })
    }
}

/// Addresses that share their first bits. A range of IPv4 holds no address of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

impl AddressRange {
    /// The range of the addresses that share the first `prefix` bits with `address`; `None`
    /// when there are not so many bits, or one of the others is set.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Option<AddressRange> {
        let (bits, width) = bits_of(address);
        let rest = width.checked_sub(prefix)?;
        let mask = low_mask(rest);
        (bits & mask == 0).then_some(AddressRange { address, prefix })
    }

    /// The range of one address.
    #[must_use]
    pub fn of(address: IpAddr) -> AddressRange {
        let prefix = bits_of(address).1;
        AddressRange { address, prefix }
    }

    /// Its first address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits its addresses share.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is one address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.prefix == bits_of(self.address).1
    }

    /// Whether the address lies in it, as it is written.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, width) = bits_of(self.address);
        let (other, other_width) = bits_of(address);
        width == other_width && (own ^ other) & !low_mask(width - self.prefix) == 0
    }

    /// Whether every address of `other` lies in it.
    #[must_use]
    pub fn covers(&self, other: &AddressRange) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }

    /// Whether the range names the address: what is meant by it lies in the range, and a
    /// special address is meant only by a range within the same special range. So
    /// `0.0.0.0/0` is every public address of IPv4, and `10.0.0.0/8` is a private network.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        let meant = unwrap_disguise(address);
        self.contains(meant)
            && special_range(meant).is_none_or(|(special, _)| special.prefix <= self.prefix)
    }

    /// Whether it names every address that `other` names: `10.0.0.0/8` does for `10.1.2.3`,
    /// `0.0.0.0/0` does not.
    #[must_use]
    pub fn names_all_of(&self, other: &AddressRange) -> bool {
        self.covers(other)
            && other
                .special_around()
                .is_none_or(|special| special.prefix <= self.prefix)
    }

    /// Whether every address that it names is a public one.
    #[must_use]
    pub fn names_public_alone(&self) -> bool {
        // A special range within it is not named by it.
        self.special_around().is_none()
    }

    /// The narrowest special range in which all of it lies.
    fn special_around(&self) -> Option<AddressRange> {
        SPECIAL
            .iter()
            .map(|(special, _)| *special)
            .filter(|special| special.covers(self))
            .max_by_key(|special| special.prefix)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.is_single()) {
            (IpAddr::V4(address), true) => write!(f, "{address}"),
            (IpAddr::V4(address), false) => write!(f, "{address}/{}", self.prefix),
            (IpAddr::V6(address), true) => write!(f, "[{address}]"),
            (IpAddr::V6(address), false) => write!(f, "[{address}/{}]", self.prefix),
        }
    }
}

fn bits_of(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// The lowest `bits` bits; all of them for 128.
fn low_mask(bits: u8) -> u128 {
    1_u128
        .checked_shl(u32::from(bits))
        .map_or(u128::MAX, |bit| bit - 1)
}

const fn range4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> AddressRange {
    AddressRange {
        address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix,
    }
}

const fn range6(segments: [u16; 8], prefix: u8) -> AddressRange {
    let [a, b, c, d, e, f, g, h] = segments;
    AddressRange {
        address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)),
        prefix,
    }
}

/// What is not the internet at large: IANA's registries of special addresses (RFC 6890 and
/// what came after), the multicast ranges, the unassigned ranges of IPv6, and the addresses at
/// which cloud providers hand out credentials. The narrowest range that holds an address counts.
const SPECIAL: &[(AddressRange, AddressClass)] = &[
    (range4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (range4(10, 0, 0, 0, 8), AddressClass::Private),
    (range4(100, 64, 0, 0, 10), AddressClass::Shared),
    (range4(100, 100, 100, 200, 32), AddressClass::Metadata),
    (range4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (range4(168, 63, 129, 16, 32), AddressClass::Metadata),
    (range4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (range4(169, 254, 169, 254, 32), AddressClass::Metadata),
    (range4(169, 254, 170, 2, 32), AddressClass::Metadata),
    (range4(169, 254, 170, 23, 32), AddressClass::Metadata),
    (range4(172, 16, 0, 0, 12), AddressClass::Private),
    (range4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (range4(192, 0, 0, 192, 32), AddressClass::Metadata),
    (range4(192, 0, 2, 0, 24), AddressClass::Reserved),
    (range4(192, 88, 99, 0, 24), AddressClass::Reserved),
    (range4(192, 168, 0, 0, 16), AddressClass::Private),
    (range4(198, 18, 0, 0, 15), AddressClass::Reserved),
    (range4(198, 51, 100, 0, 24), AddressClass::Reserved),
    (range4(203, 0, 113, 0, 24), AddressClass::Reserved),
    (range4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (range4(240, 0, 0, 0, 4), AddressClass::Reserved),
    (range4(255, 255, 255, 255, 32), AddressClass::Broadcast),
    (range6([0, 0, 0, 0, 0, 0, 0, 0], 3), AddressClass::Reserved),
    (
        range6([0, 0, 0, 0, 0, 0, 0, 0], 128),
        AddressClass::Unspecified,
    ),
    (
        range6([0, 0, 0, 0, 0, 0, 0, 1], 128),
        AddressClass::Loopback,
    ),
    (
        range6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        AddressClass::Reserved,
    ),
    (
        range6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        AddressClass::Reserved,
    ),
    (
        range6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
        AddressClass::Reserved,
    ),
    (
        range6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2),
        AddressClass::Reserved,
    ),
    (
        range6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1),
        AddressClass::Reserved,
    ),
    (
        range6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
        AddressClass::Private,
    ),
    (
        range6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        AddressClass::Metadata,
    ),
    (
        range6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
        AddressClass::Metadata,
    ),
    (
        range6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        AddressClass::LinkLocal,
    ),
    (
        range6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
        AddressClass::Private,
    ),
    (
        range6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
        AddressClass::Multicast,
    ),
];

/// The narrowest special range that holds an address without a disguise.
fn special_range(address: IpAddr) -> Option<(AddressRange, AddressClass)> {
    SPECIAL
        .iter()
        .filter(|(range, _)| range.contains(address))
        .max_by_key(|(range, _)| range.prefix)
        .copied()
}

/// What kind of place an address names, behind any disguise.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    special_range(unwrap_disguise(address)).map_or(AddressClass::Public, |(_, class)| class)
}

/// The address of IPv4 that one of IPv6 stands for, where packets to it end up there: mapped
/// and compatible addresses (RFC 4291), NAT64 (RFC 6052 and 8215), 6to4 (RFC 3056) and Teredo
/// (RFC 4380). Any other address as it is.
///
/// Where a disguise holds two addresses, the special one is meant: a rule then has to name it.
#[must_use]
pub fn unwrap_disguise(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let segments = six.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let last = four(segments[6], segments[7]);
    let inner = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return address,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => last,
        // Which of the forms of RFC 6052 the network uses is not to be seen from here.
        [0x64, 0xff9b, 1, high, middle, low, ..] => {
            let ([_, b], [a, _]) = (middle.to_be_bytes(), low.to_be_bytes());
            let split = four(high, u16::from_be_bytes([b, a]));
            match (split.is_unspecified(), last.is_unspecified()) {
                (true, _) => last,
                (_, true) => split,
                _ => special_of(split, last).unwrap_or(Ipv4Addr::UNSPECIFIED),
            }
        }
        [0x2002, high, low, ..] => four(high, low),
        [0x2001, 0, high, low, ..] => {
            let client = four(!segments[6], !segments[7]);
            special_of(client, four(high, low)).unwrap_or(client)
        }
        _ => return address,
    };
    IpAddr::V4(inner)
}

fn special_of(one: Ipv4Addr, other: Ipv4Addr) -> Option<Ipv4Addr> {
    [one, other]
        .into_iter()
        .find(|address| special_range(IpAddr::V4(*address)).is_some())
}
