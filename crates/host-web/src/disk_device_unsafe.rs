//! An image that the worker opened: a file of the origin private file system, or of Node.

#![allow(unsafe_code, reason = "imports of a wasm module are foreign functions")]

use holm_disk::{BlockDevice, DeviceError};

mod raw {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// Reads `length` bytes at `offset` to `at`; answers how many, or less than 0.
        pub(super) fn disk_read(device: u32, offset: f64, at: *mut u8, length: usize) -> i32;
        /// Writes; answers how many, or less than 0.
        pub(super) fn disk_write(device: u32, offset: f64, at: *const u8, length: usize) -> i32;
        /// Cuts or extends; 0, or less.
        pub(super) safe fn disk_resize(device: u32, length: f64) -> i32;
        /// Bytes, or less than 0.
        pub(super) safe fn disk_size(device: u32) -> f64;
        /// Waits for stable storage; 0, or less.
        pub(super) safe fn disk_flush(device: u32) -> i32;
        /// Gives the image back.
        pub(super) safe fn disk_close(device: u32);
    }
}

/// What an import answers when the host has no more room.
const NO_SPACE: i32 = -2;
/// Most bytes of one call: an answer has 31 bits.
const PIECE_BYTES: usize = 1 << 24;

/// An image by the worker's number of it. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct HostDevice(u32);

impl HostDevice {
    /// The image that the worker opened under this number.
    pub(crate) fn new(number: u32) -> HostDevice {
        HostDevice(number)
    }
}

impl Drop for HostDevice {
    fn drop(&mut self) {
        raw::disk_close(self.0);
    }
}

fn failed(answer: i32) -> DeviceError {
    match answer {
        NO_SPACE => DeviceError::NoSpace,
        _ => DeviceError::Other("the host reports an error".to_owned()),
    }
}

/// Offsets of images are far below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "an image has at most 8 TiB, which a float holds exactly"
)]
fn offset(bytes: u64) -> f64 {
    bytes as f64
}

impl BlockDevice for HostDevice {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let end = at.saturating_add(buffer.len() as u64);
        let mut done = at;
        for piece in buffer.chunks_mut(PIECE_BYTES) {
            // SAFETY: the host writes at most `length` bytes to a range that is borrowed for
            // the call, and keeps no pointer.
            let answer =
                unsafe { raw::disk_read(self.0, offset(done), piece.as_mut_ptr(), piece.len()) };
            let count = usize::try_from(answer).map_err(|_| failed(answer))?;
            if count != piece.len() {
                return Err(DeviceError::BeyondEnd { end });
            }
            done += count as u64;
        }
        Ok(())
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Result<(), DeviceError> {
        let mut done = at;
        for piece in data.chunks(PIECE_BYTES) {
            // SAFETY: the host reads a range that is borrowed for the call, and keeps no
            // pointer.
            let answer =
                unsafe { raw::disk_write(self.0, offset(done), piece.as_ptr(), piece.len()) };
            let count = usize::try_from(answer).map_err(|_| failed(answer))?;
            if count != piece.len() {
                return Err(DeviceError::NoSpace);
            }
            done += count as u64;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), DeviceError> {
        match raw::disk_resize(self.0, offset(length)) {
            0 => Ok(()),
            answer => Err(failed(answer)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size that is not negative, of a file"
    )]
    fn len(&self) -> Result<u64, DeviceError> {
        let size = raw::disk_size(self.0);
        if size >= 0.0 {
            Ok(size as u64)
        } else {
            Err(failed(-1))
        }
    }

    fn flush(&self) -> Result<(), DeviceError> {
        match raw::disk_flush(self.0) {
            0 => Ok(()),
            answer => Err(failed(answer)),
        }
    }
}
