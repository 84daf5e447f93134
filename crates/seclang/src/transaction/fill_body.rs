//! What rules see of a request's body.

use super::Transaction;
use crate::bodies::multipart::{Flags, Form};
use crate::bodies::{form, json, multipart, xml};
use crate::collections::Collection;

impl Transaction {
    pub(super) fn fill_request_body(&mut self, body: &[u8], complete: bool) {
        if !self.request_body {
            return;
        }
        let cut = body.get(..self.request_limit).unwrap_or(body);
        let over = cut.len() < body.len();
        if over {
            self.store.set(Collection::InboundDataError, "1");
            if self.rules.settings.request_body_refuse {
                let limit = self.request_limit;
                self.deny_for_limit(413, format!("the body has more than {limit} bytes (SecRequestBodyLimit)"));
            }
        }
        self.store.set(Collection::RequestBodyLength, cut.len().to_string());
        if self.force_body && self.processor.is_none() {
            self.processor = Some("URLENCODED");
        }
        let whole = complete && !over;
        match self.processor {
            Some("URLENCODED") => self.fill_form(cut),
            Some("JSON") => self.fill_json(cut, whole),
            Some("XML") => self.fill_xml(cut, whole),
            Some("MULTIPART") => self.fill_multipart(cut, whole),
            _ => {}
        }
        if self.force_body || self.processor == Some("URLENCODED") {
            self.store.set(Collection::RequestBody, cut);
        }
        let no_files = self.rules.settings.no_files_limit;
        if self.processor != Some("MULTIPART") && cut.len() > no_files && self.rules.settings.request_body_refuse {
            self.deny_for_limit(413, format!("the body has more than {no_files} bytes (SecRequestBodyNoFilesLimit)"));
        }
        self.count_arguments();
    }

    fn room(&self) -> usize {
        self.rules.settings.arguments.saturating_sub(self.store.list(Collection::Args).len())
    }

    fn fill_form(&mut self, body: &[u8]) {
        let (pairs, broken, more) = form::arguments(body, self.rules.settings.separator, self.room());
        if broken {
            self.store.set(Collection::UrlencodedError, "1");
        }
        if more {
            self.body_problem("more arguments than `SecArgumentsLimit` allows");
        }
        for (name, value) in pairs {
            self.add_argument(false, &name, value);
        }
    }

    fn fill_json(&mut self, body: &[u8], whole: bool) {
        if body.is_empty() {
            return;
        }
        let (pairs, problem) = json::flatten(body, self.rules.settings.json_depth, self.room());
        for (name, value) in pairs {
            self.add_argument(false, &name, value);
        }
        // What was cut cannot be whole; that it was is told elsewhere.
        if let Some(problem) = problem.filter(|_| whole) {
            self.body_problem(&format!("JSON: {problem}"));
        }
    }

    fn fill_xml(&mut self, body: &[u8], whole: bool) {
        if body.is_empty() {
            return;
        }
        let (content, problem) = xml::read(body, self.rules.settings.arguments);
        if let Some(problem) = problem.filter(|_| whole) {
            self.body_problem(&format!("XML: {problem}"));
        }
        self.store.add(Collection::Xml, b"/*", content.text);
        for value in content.attributes {
            self.store.add(Collection::Xml, b"//@*", value);
        }
    }

    fn fill_multipart(&mut self, body: &[u8], whole: bool) {
        let content_type =
            self.store.first(Collection::RequestHeaders, Some(b"content-type")).unwrap_or_default().to_vec();
        let Form { parts, flags, problem } = multipart::read(&content_type, body, self.rules.settings.upload_files);
        if let Some(problem) = problem.filter(|_| whole) {
            self.body_problem(&format!("Multipart: {problem}"));
        }
        self.multipart_flags(&flags);
        let (mut sizes, mut fields) = (0_usize, 0_usize);
        for part in parts {
            for line in &part.fields {
                self.store.add(Collection::MultipartPartHeaders, &part.name, line.clone());
            }
            self.store.add(Collection::MultipartName, b"", part.name.clone());
            let Some(filename) = part.filename else {
                fields += part.content.len();
                if self.room() > 0 {
                    self.add_argument(false, &part.name, part.content);
                } else {
                    self.body_problem("more arguments than `SecArgumentsLimit` allows");
                }
                continue;
            };
            sizes += part.content.len();
            self.store.add(Collection::MultipartFilename, b"", filename.clone());
            self.store.add(Collection::Files, &part.name, filename);
            self.store.add(Collection::FilesNames, b"", part.name.clone());
            self.store.add(Collection::FilesSizes, &part.name, part.content.len().to_string().into_bytes());
            self.store.add(Collection::FilesTmpContent, &part.name, part.content);
        }
        self.store.set(Collection::FilesCombinedSize, sizes.to_string());
        let most = self.rules.settings.no_files_limit;
        if fields > most && self.rules.settings.request_body_refuse {
            self.deny_for_limit(413, format!("the fields have more than {most} bytes (SecRequestBodyNoFilesLimit)"));
        }
    }

    fn multipart_flags(&mut self, flags: &Flags) {
        let both = flags.lf_line && flags.crlf_line;
        for (collection, on) in [
            (Collection::MultipartBoundaryQuoted, flags.boundary_quoted),
            (Collection::MultipartBoundaryWhitespace, flags.boundary_whitespace),
            (Collection::MultipartDataBefore, flags.data_before),
            (Collection::MultipartDataAfter, flags.data_after),
            (Collection::MultipartHeaderFolding, flags.header_folding),
            (Collection::MultipartInvalidHeaderFolding, flags.invalid_header_folding),
            (Collection::MultipartLfLine, flags.lf_line),
            (Collection::MultipartCrlfLfLines, both),
            (Collection::MultipartMissingSemicolon, flags.missing_semicolon),
            (Collection::MultipartInvalidQuoting, flags.invalid_quoting),
            (Collection::MultipartInvalidPart, flags.invalid_part),
            (Collection::MultipartUnmatchedBoundary, flags.unmatched_boundary),
            (Collection::MultipartFileLimitExceeded, flags.file_limit_exceeded),
            (Collection::MultipartStrictError, flags.strict()),
        ] {
            self.store.set(collection, if on { "1" } else { "0" });
        }
    }

    /// The body could not be read as its type says. Rules decide what follows; where no rule asks, it is refused, since
    /// what cannot be read cannot be judged.
    fn body_problem(&mut self, problem: &str) {
        if !self.rules.asks_for_body_errors {
            self.deny_for_limit(400, format!("the body cannot be read: {problem}"));
        }
        self.store.set(Collection::ReqbodyError, "1");
        self.store.set(Collection::ReqbodyErrorMsg, problem);
        self.store.set(Collection::ReqbodyProcessorError, "1");
        self.store.set(Collection::ReqbodyProcessorErrorMsg, problem);
        if self.processor == Some("MULTIPART") {
            self.store.set(Collection::MultipartStrictError, "1");
        }
    }
}
