//! Uploaded files that are not what they say they are, or that a server would run.

use super::{Detector, Hit};
use crate::Part;
use crate::catalogue::DetectorInfo;

/// Runs on parts of forms, not on single values.
pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants: |_| false, look: |_| None };

pub(crate) const INFO: DetectorInfo = DetectorInfo {
    name: "upload",
    what: "an uploaded file with the name of a server script, or with a program or script inside where a picture or document is declared",
    why: "a stored script that the web server runs, or a page that it shows, is the attacker's",
    example: "filename=\"shell.php.jpg\"",
};

/// Extensions that web servers run or obey. Sorted.
const RUN: &[&str] = &[
    "asa", "asax", "ascx", "ashx", "asmx", "asp", "aspx", "cfc", "cfm", "cgi", "cshtml", "htaccess", "htpasswd", "jsp",
    "jspf", "jspx", "jsw", "jtml", "phar", "php", "php3", "php4", "php5", "php7", "php8", "phps", "pht", "phtml",
    "shtml", "vbhtml",
];
/// Bytes at the beginning and in the middle of a file that are looked at.
const READ: usize = 256 * 1024;

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Picture,
    Document,
    Media,
    Archive,
    /// A program of some operating system, or a Java class.
    Program,
    /// A script for a shell or a server.
    Script,
    /// A page that a browser would show.
    Page,
}

/// Looks at a file: its name, its declared type, and its bytes.
pub(crate) fn look(part: &Part, file_name: &str) -> Option<Hit> {
    let hit = |confidence, note| Some(Hit { confidence, range: 0..part.content.len().min(60), note });
    if runs(file_name) {
        return Some(Hit { confidence: 0.88, range: 0..0, note: "name of a script that web servers run" });
    }
    let content = part.content.get(..part.content.len().min(READ)).unwrap_or_default();
    let declared = declared(part.media_type.as_deref(), file_name)?;
    match (sort(content), declared) {
        (Some(Sort::Program), Sort::Picture | Sort::Document | Sort::Media) => {
            hit(0.92, "program where a picture or document is declared")
        }
        (Some(Sort::Script), Sort::Picture | Sort::Document | Sort::Media | Sort::Archive) => {
            hit(0.92, "script where another type is declared")
        }
        (Some(Sort::Page), Sort::Picture | Sort::Document | Sort::Media) => {
            hit(0.86, "page where a picture or document is declared")
        }
        (Some(Sort::Archive), Sort::Picture) => hit(0.6, "archive where a picture is declared"),
        (_, Sort::Picture) if holds_script(content) => hit(0.93, "picture that holds a script"),
        (None, Sort::Picture) if is_drawing(content) && scripted(content) => hit(0.9, "drawing that holds script"),
        _ => None,
    }
}

/// Whether a web server would run a file of this name: by its last extension, or by one before it.
fn runs(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    if matches!(name.trim_end_matches(['.', ' ']), "web.config" | ".user.ini" | ".htaccess" | ".htpasswd") {
        return true;
    }
    name.split('.').skip(1).any(|extension| {
        let end = extension.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(extension.len());
        extension.get(..end).is_some_and(|extension| RUN.binary_search(&extension).is_ok())
    })
}

fn declared(media_type: Option<&str>, name: &str) -> Option<Sort> {
    let of_type = media_type.and_then(|media_type| match media_type.split('/').next()? {
        "image" => Some(Sort::Picture),
        "audio" | "video" | "font" => Some(Sort::Media),
        _ if media_type == "application/pdf" || media_type.contains("officedocument") => Some(Sort::Document),
        _ if matches!(media_type, "application/zip" | "application/gzip") => Some(Sort::Archive),
        _ => None,
    });
    of_type.or_else(|| match name.rsplit('.').next()?.to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "svg" | "ico" | "tif" | "tiff" => Some(Sort::Picture),
        "pdf" | "docx" | "xlsx" | "pptx" | "odt" | "ods" => Some(Sort::Document),
        "mp3" | "mp4" | "wav" | "webm" | "mov" => Some(Sort::Media),
        _ => None,
    })
}

fn sort(content: &[u8]) -> Option<Sort> {
    const MAGIC: &[(&[u8], Sort)] = &[
        (b"\x89PNG\r\n\x1a\n", Sort::Picture),
        (b"\xff\xd8\xff", Sort::Picture),
        (b"GIF8", Sort::Picture),
        (b"BM", Sort::Picture),
        (b"%PDF-", Sort::Document),
        (b"ID3", Sort::Media),
        (b"OggS", Sort::Media),
        (b"\x7fELF", Sort::Program),
        (b"\xca\xfe\xba\xbe", Sort::Program),
        (b"\xcf\xfa\xed\xfe", Sort::Program),
        (b"PK\x03\x04", Sort::Archive),
        (b"\x1f\x8b", Sort::Archive),
        (b"Rar!", Sort::Archive),
    ];
    if let Some((_, sort)) = MAGIC.iter().find(|(magic, _)| content.starts_with(magic)) {
        return Some(*sort);
    }
    // `MZ` alone begins many texts; the header of a program has controls.
    if content.starts_with(b"MZ") && content.get(..64).unwrap_or(content).contains(&0) {
        return Some(Sort::Program);
    }
    let start = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
    let begins = |word: &[u8]| start.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins(b"#!/") || begins(b"<?php") || begins(b"<?=") || begins(b"<%@") || begins(b"<% ") {
        return Some(Sort::Script);
    }
    (begins(b"<!doctype html") || begins(b"<html") || begins(b"<script") || begins(b"<body") || begins(b"<iframe"))
        .then_some(Sort::Page)
}

/// Code for a server inside a picture.
fn holds_script(content: &[u8]) -> bool {
    let finds = |word: &[u8]| memchr::memmem::find(content, word).is_some();
    finds(b"<?php") || finds(b"<%@ ") || finds(b"<?=`") || finds(b"<?= ") || finds(b"<?=$") || finds(b"__HALT_COMPILER")
}

fn is_drawing(content: &[u8]) -> bool {
    let start = content.get(..content.len().min(1024)).unwrap_or_default();
    memchr::memmem::find(start, b"<svg").is_some() || memchr::memmem::find(start, b"<SVG").is_some()
}

fn scripted(content: &[u8]) -> bool {
    let lower = content.get(..content.len().min(64 * 1024)).unwrap_or_default().to_ascii_lowercase();
    let finds = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    finds(b"<script")
        || finds(b"onload=")
        || finds(b"onerror=")
        || finds(b"onclick=")
        || finds(b"javascript:")
        || finds(b"<foreignobject") && finds(b"<iframe")
        || finds(b"<!entity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confidence(name: &str, media_type: &str, content: &[u8]) -> f32 {
        let part = Part {
            name: "file".to_owned(),
            file_name: Some(name.to_owned()),
            media_type: Some(media_type.to_owned()),
            content: content.to_vec(),
        };
        look(&part, name).map_or(0.0, |hit| hit.confidence)
    }

    #[test]
    fn extensions_are_sorted() {
        assert!(RUN.is_sorted());
    }

    #[test]
    fn files_that_are_not_what_they_say_are_found() {
        for (name, media_type, content) in [
            ("shell.php", "image/png", b"x".as_slice()),
            ("shell.php.jpg", "image/jpeg", b"x"),
            ("a.PhP;.jpg", "image/jpeg", b"x"),
            ("a.phtml", "text/plain", b"x"),
            (".htaccess", "text/plain", b"AddType"),
            ("cat.png", "image/png", b"MZ\x90\x00\x03\x00"),
            ("cat.png", "image/png", b"\x7fELF\x02"),
            ("cat.png", "image/png", b"#!/bin/sh\nid"),
            ("cat.jpg", "image/jpeg", b"<?php system('id');"),
            ("cat.gif", "image/gif", b"GIF89a<?php system('id');"),
            ("cat.png", "image/png", b"<html><script>alert(1)</script>"),
            ("cat.svg", "image/svg+xml", b"<svg xmlns=\"x\" onload=\"alert(1)\"/>"),
            ("bill.pdf", "application/pdf", b"MZ\x90\x00\x03\x00"),
        ] {
            assert!(confidence(name, media_type, content) >= 0.8, "{name} {media_type}");
        }
    }

    #[test]
    fn ordinary_files_are_let_pass() {
        for (name, media_type, content) in [
            ("cat.png", "image/png", b"\x89PNG\r\n\x1a\n0000".as_slice()),
            ("cat.png", "image/png", b"\xff\xd8\xff\xe0"),
            ("logo.svg", "image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/></svg>"),
            ("bill.pdf", "application/pdf", b"%PDF-1.7"),
            (
                "report.v2.final.docx",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                b"PK\x03\x04",
            ),
            ("what-is-php.txt", "text/plain", b"<?php echo 1;"),
            ("asp.net-guide.pdf", "application/pdf", b"%PDF-1.7"),
            ("setup.exe", "application/octet-stream", b"MZ\x90\x00"),
            ("run.sh", "text/x-sh", b"#!/bin/sh\nid"),
            ("data.csv", "text/csv", b"a,b\n1,2\n"),
        ] {
            assert!(confidence(name, media_type, content) < 0.8, "{name} {media_type}");
        }
    }
}
