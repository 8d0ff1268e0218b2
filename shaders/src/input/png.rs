//! Small grey pictures as PNG files. A picture in an `<img>` is painted with the page around it, while each canvas is a
//! layer of its own: a thousand canvases take the browser 150 ms a frame.
//!
//! The pixels are stored, not compressed: a picture of 28 × 28 has 880 bytes, and a compressor would be larger than what
//! it saves.

/// What every PNG file begins with (PNG specification, section 5.2).
const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];
/// 8 bits, grey, and no choice of compression, filter and interlacing (section 11.2.1).
const GREY: [u8; 5] = [8, 0, 0, 0, 0];

/// A grey picture as the bytes of a PNG file. Levels are in [0, 1]; others become the nearest of these.
///
/// # Shapes
/// `levels` [rows, `width`], with fewer than 65,536 bytes in all rows, each of which has one byte more than pixels
pub fn grey(levels: &[f32], width: usize) -> Vec<u8> {
    let rows = levels.chunks_exact(width);
    let height = rows.len();
    // each row begins with its filter: none
    let pixels: Vec<u8> =
        rows.flat_map(|row| [0].into_iter().chain(row.iter().map(|level| (level * 255.0).round() as u8))).collect();
    let size = u16::try_from(pixels.len()).expect("one block holds a small picture");
    // zlib's header, then one stored block, the last (RFC 1950, RFC 1951, section 3.2.4)
    let mut packed = vec![0x78, 0x01, 1];
    packed.extend(size.to_le_bytes());
    packed.extend((!size).to_le_bytes());
    packed.extend(&pixels);
    packed.extend(adler32(&pixels).to_be_bytes());

    let mut header = Vec::from([width as u32, height as u32].map(u32::to_be_bytes).as_flattened());
    header.extend(GREY);
    let mut file = SIGNATURE.to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
        file.extend((data.len() as u32).to_be_bytes());
        let from = file.len();
        file.extend(kind);
        file.extend(data);
        file.extend(crc32(&file[from..]).to_be_bytes());
    }
    file
}

/// Checksum of a chunk (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// Checksum of what zlib holds (RFC 1950, section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_their_specifications() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn another_reader_finds_the_same_picture() {
        let levels: Vec<f32> = (0..28 * 20).map(|at| at as f32 / 559.0).collect();
        let file = grey(&levels, 28);
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height, info.color_type), (28, 20, png::ColorType::Grayscale));
        let expected: Vec<u8> = levels.iter().map(|level| (level * 255.0).round() as u8).collect();
        assert_eq!(pixels, expected);
    }

    #[test]
    fn levels_out_of_range_are_black_or_white() {
        let file = grey(&[-1.0, 2.0, f32::NAN], 3);
        let at = file.windows(4).position(|four| four == b"IDAT").unwrap() + 4;
        assert_eq!(file[at + 7..at + 11], [0, 0, 255, 0]);
    }
}
