//! Records encrypted on disk.

use super::*;

/// A spool folder with a key beside it.
fn keyed(name: &str) -> (Folder, PathBuf) {
    let folder = Folder::new(name);
    let keys = cipher::file_of(&folder.0);
    fs::create_dir(keys.parent().unwrap()).unwrap();
    fs::write(&keys, format!("00000001 {}\n", "ab".repeat(32))).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    (folder, keys)
}

/// One run of a gateway that encrypts.
fn write(folder: &Folder, records: &[Record<'_>]) {
    let spool = Spool::open(&folder.0, &SpoolPlan { encrypt: true, ..roomy() }).unwrap();
    for record in records {
        spool.append(record);
    }
    spool.close();
}

#[test]
fn encrypted_records_come_out_with_their_key_alone_and_never_stand_in_clear() {
    let (folder, keys) = keyed("sealed");
    let plan = SpoolPlan { encrypt: true, ..plan(1 << 30, 16 << 10, SpoolFull::DropOldest) };
    let spool = Spool::open(&folder.0, &plan).unwrap();
    for number in 0..500 {
        spool.append(&record(&format!("s3cr3t number {number}")));
    }
    spool.close();
    drop(spool);
    let segments = list(&folder.0).unwrap();
    assert!(segments.len() > 2, "several segments, each with a key of its own");
    for segment in &segments {
        let bytes = fs::read(&segment.path).unwrap();
        assert!(memchr::memmem::find(&bytes, b"s3cr3t").is_none());
    }
    let page = everything(&folder.0);
    assert_eq!((page.entries.len(), page.damaged, page.missing), (500, 0, 0));
    assert!(page.entries.iter().all(|entry| memchr::memmem::find(&entry.payload, b"s3cr3t").is_some()));
    assert_eq!(read_newest(&folder.0, None, 3).unwrap().entries[0].sequence, page.entries[499].sequence);

    // Another run goes on, with a newer key; what is older still opens.
    let old = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("00000002 {}\n{old}", "cd".repeat(32))).unwrap();
    write(&folder, &[record("s3cr3t once more")]);
    assert_eq!(everything(&folder.0).entries.len(), 501);
    fs::write(&keys, format!("00000002 {}\n", "cd".repeat(32))).unwrap();
    let problem = read_after(&folder.0, 0, 10).unwrap_err().to_string();
    assert!(problem.contains("00000001"), "{problem}");
}

#[test]
fn a_changed_encrypted_record_is_damage_and_the_others_stay() {
    let (folder, _) = keyed("changed");
    write(&folder, &[record("x"), record("x"), record("x")]);
    // The checksum is mended as an attacker would; the tag is what tells.
    let path = &list(&folder.0).unwrap()[0].path;
    let bytes = fs::read(path).unwrap();
    let begin = HEADER_BYTES + cipher::KEY_BLOCK_BYTES;
    let first = segment::RecordHeader::decode(&bytes[begin..]).unwrap();
    let mut payload = bytes[begin + segment::RECORD_HEADER_BYTES..begin + first.record_bytes()].to_vec();
    payload[0] ^= 1;
    let mut forged = bytes[..begin].to_vec();
    encode_record(&mut forged, first.sequence, &payload);
    forged.extend_from_slice(&bytes[begin + first.record_bytes()..]);
    fs::write(path, forged).unwrap();
    let page = everything(&folder.0);
    assert_eq!((page.entries.len(), page.damaged), (2, 1));
}

#[test]
fn a_torn_tail_of_an_encrypted_segment_is_cut_off_and_the_spool_goes_on() {
    let (folder, _) = keyed("torn");
    write(&folder, &[record("x"), record("x"), record("x")]);
    let path = list(&folder.0).unwrap()[0].path.clone();
    let whole = fs::read(&path).unwrap();
    let begin = HEADER_BYTES + cipher::KEY_BLOCK_BYTES;
    for length in [whole.len() - 1, begin + 5, begin, begin - 1, HEADER_BYTES, 3] {
        for segment in list(&folder.0).unwrap() {
            fs::remove_file(segment.path).unwrap();
        }
        fs::write(&path, &whole[..length]).unwrap();
        let left = everything(&folder.0).entries.len();
        write(&folder, &[record("y")]);
        assert_eq!(everything(&folder.0).entries.len(), left + 1, "cut to {length}");
    }
}

#[test]
fn without_its_key_an_encrypted_spool_does_not_open() {
    let folder = Folder::new("keyless");
    let plan = SpoolPlan { encrypt: true, ..roomy() };
    assert!(Spool::open(&folder.0, &plan).unwrap_err().to_string().contains("spool.key"));
    let (folder, keys) = keyed("open");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(Spool::open(&folder.0, &plan).unwrap_err().to_string().contains("0640"));
}
