//! Randomness, from the host's own generator.

use holm_abi::Errno;
use holm_kernel::port::Entropy;

/// The host's generator: `getrandom(2)`, and `/dev/urandom` where that does not exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeEntropy;

impl Entropy for NativeEntropy {
    #[cfg(target_os = "linux")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        use rustix::io::Errno as Host;
        use rustix::rand::{GetRandomFlags, getrandom};

        let mut filled = 0;
        while filled < buffer.len() {
            // More than 256 bytes may be a short count when a signal comes.
            match getrandom(&mut buffer[filled..], GetRandomFlags::empty()) {
                Ok(0) => return Err(Errno::Io),
                Ok(count) => filled += count,
                Err(Host::INTR) => {}
                Err(_) => return Err(Errno::Io),
            }
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        use std::fs::File;
        use std::io::Read;
        use std::sync::OnceLock;

        static DEVICE: OnceLock<Option<File>> = OnceLock::new();
        let device = DEVICE.get_or_init(|| File::open("/dev/urandom").ok());
        let mut device = device.as_ref().ok_or(Errno::Io)?;
        device.read_exact(buffer).map_err(|_| Errno::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entropy, NativeEntropy};

    #[test]
    fn fills_the_whole_buffer_differently_each_time() {
        let mut first = vec![0; 1 << 20];
        let mut second = vec![0; 1 << 20];
        NativeEntropy
            .fill(&mut first)
            .expect("the host has randomness");
        NativeEntropy
            .fill(&mut second)
            .expect("the host has randomness");
        assert_ne!(first, second);
        // 4 KiB without a byte other than zero would be a miracle.
        for chunk in first.chunks(4096) {
            assert!(chunk.iter().any(|byte| *byte != 0));
        }
        NativeEntropy.fill(&mut []).expect("nothing to fill");
    }
}
