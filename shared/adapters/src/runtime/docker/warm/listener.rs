//! The smallest program that listens: it runs in any image, as it needs nothing of it.

use anyhow::Result;

/// Where it listens.
pub(super) const PORT: u16 = 7420;

/// Where it stands in its container.
pub(super) const PATH: &str = "/slipway-listen";

/// Where it is loaded to.
const BASE: u64 = 0x40_0000;

const HEADERS_BYTES: u16 = 64 + 56;

/// `AF_INET`, [`PORT`], any address.
const ADDRESS: [u8; 16] = [2, 0, 0x1c, 0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Machine code for `socket`, `bind` to what follows the code, `listen`, and then to wait for ever.
struct Code {
    /// The number of the machine in an ELF header.
    machine: u16,
    instructions: &'static [u8],
}

const AMD64: Code = Code {
    machine: 62,
    instructions: &[
        0x6a, 41, 0x58, // push 41 (socket); pop rax
        0x6a, 2, 0x5f, // push 2 (AF_INET); pop rdi
        0x6a, 1, 0x5e, // push 1 (SOCK_STREAM); pop rsi
        0x31, 0xd2, // xor edx, edx
        0x0f, 0x05, // syscall
        0x89, 0xc7, // mov edi, eax
        0x48, 0x8d, 0x35, 23, 0, 0, 0, // lea rsi, [rip + 23] (the address)
        0x6a, 16, 0x5a, // push 16; pop rdx
        0x6a, 49, 0x58, // push 49 (bind); pop rax
        0x0f, 0x05, // syscall
        0x6a, 16, 0x5e, // push 16; pop rsi
        0x6a, 50, 0x58, // push 50 (listen); pop rax
        0x0f, 0x05, // syscall
        0x6a, 34, 0x58, // push 34 (pause); pop rax
        0x0f, 0x05, // syscall
        0xeb, 0xf9, // jmp to the pause
    ],
};

const ARM64: Code = Code {
    machine: 183,
    instructions: &[
        0x40, 0x00, 0x80, 0xd2, // mov x0, 2 (AF_INET)
        0x21, 0x00, 0x80, 0xd2, // mov x1, 1 (SOCK_STREAM)
        0x02, 0x00, 0x80, 0xd2, // mov x2, 0
        0xc8, 0x18, 0x80, 0xd2, // mov x8, 198 (socket)
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0xf3, 0x03, 0x00, 0xaa, // mov x19, x0
        0xe1, 0x01, 0x00, 0x10, // adr x1, the address
        0x02, 0x02, 0x80, 0xd2, // mov x2, 16
        0x08, 0x19, 0x80, 0xd2, // mov x8, 200 (bind)
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0xe0, 0x03, 0x13, 0xaa, // mov x0, x19
        0x01, 0x02, 0x80, 0xd2, // mov x1, 16
        0x28, 0x19, 0x80, 0xd2, // mov x8, 201 (listen)
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0x00, 0x00, 0x80, 0xd2, // mov x0, 0
        0x01, 0x00, 0x80, 0xd2, // mov x1, 0
        0x02, 0x00, 0x80, 0xd2, // mov x2, 0
        0x03, 0x00, 0x80, 0xd2, // mov x3, 0
        0x28, 0x09, 0x80, 0xd2, // mov x8, 73 (ppoll)
        0x01, 0x00, 0x00, 0xd4, // svc 0
        0xfa, 0xff, 0xff, 0x17, // b to the wait
    ],
};

/// The program for machines of this kind, as the engine calls it; none for kinds that are not known.
pub(super) fn program(machine: &str) -> Option<Vec<u8>> {
    match machine {
        "amd64" => Some(AMD64.executable()),
        "arm64" => Some(ARM64.executable()),
        _ => None,
    }
}

/// The program in an archive as the engine takes it.
pub(super) fn archive(program: &[u8]) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(program.len())?);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, PATH.trim_start_matches('/'), program)?;
    Ok(archive.into_inner()?)
}

impl Code {
    /// An ELF file of one segment: both headers, the code, the address.
    fn executable(&self) -> Vec<u8> {
        let size = usize::from(HEADERS_BYTES) + self.instructions.len() + ADDRESS.len();
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
        for half in [2, self.machine] {
            put(&half.to_le_bytes());
        }
        put(&1_u32.to_le_bytes());
        for long in [BASE + u64::from(HEADERS_BYTES), 64, 0] {
            put(&long.to_le_bytes());
        }
        put(&0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 0, 0, 0] {
            put(&half.to_le_bytes());
        }
        // One segment to load, readable and executable.
        for word in [1_u32, 5] {
            put(&word.to_le_bytes());
        }
        for long in [0, BASE, BASE, size as u64, size as u64, 0x1_0000] {
            put(&long.to_le_bytes());
        }
        put(self.instructions);
        put(&ADDRESS);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_complete() {
        for (machine, bytes) in [("amd64", 181), ("arm64", 220)] {
            let program = program(machine).unwrap();
            assert_eq!((program.len(), &program[..4]), (bytes, &b"\x7fELF"[..]), "{machine}");
        }
        assert_eq!(u16::from_be_bytes([ADDRESS[2], ADDRESS[3]]), PORT);
        assert!(program("riscv64").is_none());
    }
}
