//! SQL where a value is expected.
//!
//! libinjection's grammar says whether a value could continue a statement; it also says so of many plain texts. Own
//! checks for what an injection needs (a comparison, a statement, a function, a comment at the end) decide how sure
//! that makes us.

use std::sync::LazyLock;

use libinjectionrs::{SqliFlags, SqliState};
use regex::bytes::Regex;

use super::context::Words;
use super::filter::is_filter;
use super::sql_text::normal;
use super::{Classes, Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "sql_injection",
    what: "a value that would change the meaning of an SQL statement it is pasted into",
    why: "it reads, changes or deletes data, and logs in without a password",
    example: "' OR '1'='1' --",
};

/// Up to here a value that only the grammar objects to is rather an injection than a text.
const SHORT: usize = 200;
/// A comment that cuts off what the application appends.
static COMMENT_AT_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\w)'\x22 ](?:--|#|/\*)[^\w]{0,4}$"));

/// Bytes that libinjection reads.
const READ: usize = 4096;

/// A sign from here on counts in a text too.
const CLEAR: f32 = 0.95;

/// One sign of SQL in the normal spelling: how sure it makes us alone, and together with libinjection.
struct Sign {
    pattern: &'static str,
    alone: f32,
    together: f32,
    note: &'static str,
    /// Whether whole statements have it as well as injections.
    whole: bool,
}

const SIGNS: &[Sign] = &[
    Sign {
        pattern: r#"(?:\b|\d[a-z]?|0x)union\b[ (]*(?:(?:all|distinct|distinctrow)\b)?[ (]*(?:/\*)?[ (]*select\b[ (]*(?:top \d|[\d'"@*(+~!-]|null\b|\w+\(|all\b|distinct\b|[\w.\x60]+ ?(?:,|from\b|--|#|/\*|$))"#,
        alone: 0.95,
        together: 0.97,
        note: "UNION SELECT",
        whole: false,
    },
    Sign {
        pattern: r"(?:\b|\d[a-z]?|0x|[ef.])union[ (]*(?:(?:all|distinct)\b)?[ (]*(?:select\b|--|#|/\*|union|$)",
        alone: 0.6,
        together: 0.88,
        note: "UNION",
        whole: false,
    },
    Sign {
        pattern: r#"(?:['"\x60)\d]|^) ?;+ ?(?:select|insert|update|delete|drop|create|alter|exec|execute|declare|shutdown|waitfor|truncate|grant|revoke|merge|begin|call|replace|load|use|set|if|copy|backup|restore|handler|rename|kill|do)\b[ (]*[\w@'"\[(.*]"#,
        alone: 0.75,
        together: 0.93,
        note: "second statement",
        whole: false,
    },
    Sign {
        pattern: r"; ?do ?\(|; ?(?:drop|truncate|alter|create) (?:table|database|user|schema|view|index|procedure|function|login)\b|; ?(?:insert into|delete (?:low_priority |quick |ignore )*from|exec(?:ute)? (?:master|xp_|sp_)|shutdown\b *(?:--|;|$|with)|declare @|waitfor delay|select \S.{0,40} from )|['\x22][ )]*;? ?declare @|['\x22][ )]*; ?(?:select|iif ?\(|declare|exec|begin|call|waitfor)\b",
        alone: 0.9,
        together: 0.95,
        note: "second statement",
        whole: false,
    },
    Sign {
        pattern: r#"\b(?:sleep|benchmark|pg_sleep|dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_utility\.\w+|utl_inaddr\.get_host_\w+|utl_http\.request|randomblob|load_extension|extractvalue|updatexml|xmltype|ctxsys\.\w+\.\w+|load_file|make_set|procedure analyse|json_keys|gtid_sub\w+|exp ?\(~|polygon|geometrycollection|multipoint|linestring|xp_\w+|sp_password|sp_\w+sql|openrowset|opendatasource|fn_\w+) ?\(? ?['"\d(@~c*-]"#,
        alone: 0.72,
        together: 0.93,
        note: "function used in injections",
        whole: false,
    },
    Sign {
        pattern: r#"\bwaitfor ?(?:delay|time) ?['"(]|\binto (?:out|dump)file ?['"(]|\bxp_cmdshell\b|\bpg_sleep ?\(|\bdbms_pipe\b|\bbenchmark ?\( ?\d{4}|\bsleep ?\( ?[\d.]+ ?\) ?(?:--|#|/\*|and|or|\)|=|$)"#,
        alone: 0.88,
        together: 0.95,
        note: "function used in injections",
        whole: false,
    },
    Sign {
        pattern: r"\b(?:information_schema|sysobjects|syscolumns|sysusers|sys\.(?:tables|objects|columns|databases)|pg_catalog|pg_user|pg_shadow|sqlite_master|all_tables|all_users|user_tables|user_tab_columns|dba_users|mysql\.(?:user|db)|msysaccessobjects|master\.\.\w+|master\.dbo|v\$version|sysibm\.\w+|syscat\.\w+|rdb\$\w+)\b",
        alone: 0.72,
        together: 0.95,
        note: "tables of the database itself",
        whole: false,
    },
    Sign {
        pattern: r#"@@(?:version|datadir|hostname|servername|basedir|\w+)|\b(?:version|user|current_user|session_user|system_user|database|schema|db_name|user_name|host_name|is_srvrolemember|has_dbaccess|connection_id|last_insert_id|row_count|found_rows) ?\( ?\)"#,
        alone: 0.5,
        together: 0.9,
        note: "asks for facts of the database",
        whole: false,
    },
    Sign {
        pattern: r#"(?:['"\x60)\d \x5c]|^)(?:or|and|xor|\|\||&&|having|where|div|mod|rlike|regexp|like|not|between|in|is|=|<|>)[ (!~+-]*(?:'[^']{0,60}'?|"[^"]{0,60}"?|[\d.]+(?:e\d+)?|0x[\da-f]+|null|true|false|@{0,2}\w+(?: ?\([^)]{0,60}\)?)?)[ )]*(?:=|<=>|<>|!=|<|>|like\b|between\b|in ?\(|is (?:not )?(?:null|true|false)|regexp\b|rlike\b|sounds like\b|div\b|\|\||&&|\^|-|\+|\*|/)[ (!~+-]*['"\w(@$.-]"#,
        alone: 0.45,
        together: 0.9,
        note: "comparison that is always true or false",
        whole: false,
    },
    Sign {
        pattern: r#"['"\x60\x5c][ )]*(?:(?:or|and|xor|\|\||&&|having|div|mod)[ (!~+-]*(?:['"@]|[\d.]+|\w+ ?[=<>(]|[\w.]+ ?\^|true\b|false\b))|'[ )]*is (?:not )?null\b"#,
        alone: 0.7,
        together: 0.92,
        note: "condition behind a closed quote",
        whole: false,
    },
    Sign {
        pattern: r#"['"\x60][ )]*(?:--(?:[ +'"-]|$)|#|/\*|;[ \x00]*(?:--|#|/\*)|;?%00)[^\w]{0,12}$"#,
        alone: 0.82,
        together: 0.93,
        note: "closed quote and a comment",
        whole: false,
    },
    Sign {
        pattern: r"\b(?:or|and|having|where|not) [ (!~+-]*(?:\d+ ?(?:=|<>|!=|<|>|(?:not )?like) ?\d+|'[^']*' ?(?:=|like|<|>) ?'[^']*'?|true\b|false\b|not \d|\d+ ?(?:--|#|/\*|$))",
        alone: 0.72,
        together: 0.93,
        note: "comparison that is always true or false",
        whole: false,
    },
    Sign {
        pattern: r"\b(?:or|and)[ (]+\d+ ?(?:=|<|>) ?\d+[ )]*(?:--|#|/\*|;|$)|\bcase when[ (]+\d+ ?(?:=|<|>) ?\d+|\b(?:or|and) \d+ (?:group|order) by|\b(?:or|and) select (?:top )?\d|^-?\d+['\x22)]* union (?:all )?select\b|^[\d@][\w@]{0,12} ?--$|\biif ?\( ?\d+ ?[=<>] ?\d+|\( ?\d{2,} ?[=<>] ?\d{2,} ?\) ?\* ?\d|\bin boolean mode ?\)|\bdeclare @\w+ n?varchar\b|\blimit \d+(?:, ?\d+)? ?--$|\|\| ?(?:\w+ is (?:not )?null\b|[lr]pad ?\()|^(?:select|1)[ (]+@{1,2}\w+",
        alone: 0.84,
        together: 0.93,
        note: "comparison that is always true or false",
        whole: false,
    },
    Sign {
        pattern: r"\bselect\b[ (]+(?:\*|[\w.@`(),*' |+-]{1,200}?)[ )]from[ (]+[\w.`\[(]+(?: ?$|.{0,80}?(?:where|limit|order by|group by|having|--|;|\)|#|/\*|union|join|rownum))",
        // By itself it is no injection: no statement goes on with SELECT where a value stands.
        alone: 0.6,
        together: 0.75,
        note: "SELECT ... FROM",
        whole: true,
    },
    Sign {
        pattern: r"\( ?select\b.{1,120}|\bselect ?\(|\bexists ?\( ?select\b|\bcase (?:[^ ]{1,30} )?when\b.{1,120}\b(?:then|else)\b|\bif ?\(.{1,60},.{1,60},",
        alone: 0.6,
        together: 0.9,
        note: "sub-select or condition",
        whole: true,
    },
    Sign {
        pattern: r#"\b(?:ascii|substring|substr|mid|char|chr|nchar|concat|concat_ws|group_concat|hex|unhex|ord|cast|convert|length|char_length|bin|right|left|row|floor|rand|count|ifnull|nullif|coalesce|md5|sha1|load_file|elt|field|conv|aes_encrypt|compress|uncompress|quote|strcmp|to_char|rawtohex|instr|lower|upper|replace|reverse|str|unicode|greatest|least|name_const|json_extract) ?\((?:[^)]*?(?:[\d'"*@,(+|]|select|0x)|\)| ?$|[^)]*$)"#,
        alone: 0.35,
        together: 0.86,
        note: "SQL function",
        whole: true,
    },
    Sign {
        pattern: r#"\b(?:order|group) by [\d(]+(?:[ ,)]|--|#|/\*|$)|\bhaving [\d'"(]|\blimit \d+ ?(?:,|offset|into|procedure|union)"#,
        alone: 0.5,
        together: 0.88,
        note: "clause that probes columns",
        whole: true,
    },
    Sign {
        pattern: r"^ ?(?:insert into [\w.`\[\]]+ ?(?:\(|values|select)|delete from [\w.`\[\]]+(?: ?$| where\b|;|--)|update [\w.`\[\]]+ set [\w.`\[\]]+ ?=|drop (?:table|database|view|user|schema) [\w.`\[\]]+ ?(?:$|;|--|cascade)|truncate table \w|create (?:table|user|database|procedure|function|login) [\w.`@'\[\]]+ ?(?:$|[(;']|identified|with|as)|alter (?:table|user|database|login) \w+ (?:add|drop|modify|with|identified|set)|exec(?:ute)? (?:master|xp_|sp_)|declare @|grant \w+.{0,40} on .{0,40} to |select .{1,200} from [\w.`]+ (?:where|limit|order by|union|into|procedure|--)|begin declare|shutdown(?: with nowait| ?;| ?--)|call \w+ ?\(|handler \w+ (?:open|read)|load data (?:local )?infile)",
        alone: 0.72,
        together: 0.88,
        note: "whole statement",
        whole: true,
    },
];

static COMPILED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SIGNS.iter().map(|sign| pattern(&format!("(?s){}", sign.pattern))).collect());

/// Marks of SQL that texts have less often than words.
const MARKS: Classes = Classes::EQUALS
    .and(Classes::SHELL)
    .and(Classes::AMPERSAND)
    .and(Classes::PAREN)
    .and(Classes::PLUS)
    .and(Classes::ANGLE)
    .and(Classes::PERCENT)
    .and(Classes::BACKSLASH);

fn wants(subject: &Subject<'_>) -> bool {
    let quote = subject.classes.any(Classes::QUOTE);
    match subject.kind {
        Kind::Structured | Kind::File => false,
        // User agents are full of brackets and semicolons.
        Kind::Agent => subject.tokens.any(Tokens::SQL) || quote,
        _ => {
            subject.tokens.any(Tokens::SQL)
                || quote && (subject.classes.any(MARKS) || subject.tokens.any(Tokens::SQL_WEAK))
                || subject.tokens.any(Tokens::SQL_WEAK) && subject.classes.any(MARKS.and(Classes::DIGIT))
        }
    }
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let bytes = subject.bytes.get(..subject.bytes.len().min(READ)).unwrap_or(subject.bytes);
    // Texts are let go before the grammar reads them: what it says of them never counts for much.
    if !subject.tokens.any(Tokens::SQL) && (is_prose(bytes) || is_wordy(subject)) {
        return None;
    }
    let grammar = Grammar::of(bytes);
    let marked = subject.classes.any(Classes::QUOTE.and(Classes::EQUALS).and(Classes::ANGLE));
    let hinted = bytes.ends_with(b"--") && bytes.len() <= 24 || memchr::memmem::find(bytes, b" when ").is_some();
    if !grammar.fires && !marked && !hinted && !subject.tokens.any(Tokens::SQL) {
        return None;
    }
    let text = normal(subject.bytes);
    let statement = names_a_statement(subject) || is_statement(subject);
    let mut best: Option<(f32, &'static str)> = None;
    let mut signs = 0;
    for (sign, pattern) in SIGNS.iter().zip(COMPILED.iter()) {
        let Some(found) = pattern.find(&text) else { continue };
        let confidence = if grammar.fires { sign.together } else { sign.alone };
        // A sentence before it, without an open quote, fits into no statement: the text tells of SQL.
        let told = is_sentence(text.get(..found.start()).unwrap_or_default());
        let meant = statement && sign.whole;
        let confidence = if told || meant { confidence.min(0.6) } else { confidence };
        signs += usize::from(!told && !meant);
        if best.is_none_or(|(known, _)| confidence > known) {
            best = Some((confidence, sign.note));
        }
    }
    if let Some((confidence, note)) = best {
        // Several weak signs make one good one.
        let several = signs >= 3 || signs >= 2 && confidence >= 0.7;
        let confidence = if several { confidence.max(0.85) } else { confidence };
        let harmless = confidence < CLEAR && (grammar.prose || subject.is_program() || is_filter(&text));
        let confidence = if harmless { confidence.min(0.7) } else { confidence };
        return Some(Hit { confidence, range: 0..subject.bytes.len().min(160), note });
    }
    if !grammar.fires {
        return None;
    }
    Some(Hit { confidence: grammar.alone(bytes), range: 0..bytes.len().min(160), note: "continues a statement" })
}

/// Whether a value stands in a field of a body that is made for statements and code.
fn names_a_statement(subject: &Subject<'_>) -> bool {
    let name = subject.place.rsplit(['.', '[']).find(|part| !part.ends_with(']')).unwrap_or_default();
    let words = ["sql", "query", "statement", "expression", "snippet", "code", "script", "formula"];
    matches!(subject.kind, Kind::Json)
        && words.iter().any(|word| name.to_ascii_lowercase().contains(word))
        && subject.bytes.iter().filter(|byte| **byte == b'\'').count() % 2 == 0
}

/// Whether a string of a body is a statement that reads or writes rows: it starts one, which no place for a value lets it.
fn is_statement(subject: &Subject<'_>) -> bool {
    let start = subject.bytes.trim_ascii_start();
    let begins = |word: &&[u8]| {
        start.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && start.get(word.len()) == Some(&b' ')
    };
    let words: [&[u8]; 6] = [b"select", b"insert", b"update", b"explain", b"with", b"create"];
    subject.kind == Kind::Json
        && words.iter().any(begins)
        && subject.bytes.iter().filter(|byte| **byte == b'\'').count() % 2 == 0
}

/// Whether what stands before a piece of SQL is a sentence that closes nothing.
fn is_sentence(before: &[u8]) -> bool {
    let words = Words::of(before);
    words.words >= 2
        && words.glue >= 1
        && before.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        && !has_open_quote(before)
        && before.iter().filter(|byte| **byte == b'"').count() % 2 == 0
}

/// What libinjection says, and whether the value reads like a text.
struct Grammar {
    fires: bool,
    fingerprint: [u8; 8],
    prose: bool,
}

impl Grammar {
    fn of(bytes: &[u8]) -> Self {
        let mut state = SqliState::new(bytes, SqliFlags::FLAG_NONE);
        let fires = state.detect();
        Self { fires, fingerprint: state.fingerprint, prose: is_prose(bytes) }
    }

    /// How sure libinjection's answer makes us by itself.
    fn alone(&self, bytes: &[u8]) -> f32 {
        if self.prose {
            return 0.4;
        }
        // A string that is closed where no apostrophe stands, with more of a statement behind it.
        let closes = self.fingerprint.first() == Some(&b's') && has_open_quote(bytes);
        if closes && bytes.len() <= SHORT {
            0.86
        } else if COMMENT_AT_END.is_match(bytes) && bytes.len() <= SHORT {
            0.82
        } else {
            0.6
        }
    }
}

/// Whether a value is a sentence: several words, mostly letters, and apostrophes only inside words.
fn is_prose(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let spaces = bytes.iter().filter(|byte| **byte == b' ').count();
    let marks = bytes
        .iter()
        .filter(|byte| {
            matches!(
                byte,
                b'=' | b'('
                    | b')'
                    | b';'
                    | b'#'
                    | b'*'
                    | b'<'
                    | b'>'
                    | b'|'
                    | b'&'
                    | b'@'
                    | b'/'
                    | b'\\'
                    | b'+'
                    | b'%'
                    | b'^'
                    | b'0'..=b'9' | b'"' | b'`'
            )
        })
        .count();
    let statement = bytes.first() == Some(&b';') || COMMENT_AT_END.is_match(bytes);
    spaces >= 2 && marks * 12 <= letters && !has_open_quote(bytes) && !statement
}

/// Whether a value is long, of words, and without a mark that an injection of that length has.
fn is_wordy(subject: &Subject<'_>) -> bool {
    let bytes = subject.bytes;
    bytes.len() > 40
        && !subject.classes.any(Classes::QUOTE.and(Classes::EQUALS).and(Classes::ANGLE).and(Classes::CONTROL))
        && bytes.iter().filter(|byte| **byte == b' ').count() * 12 > bytes.len()
        && !bytes.windows(2).any(|pair| matches!(pair, b"/*" | b"--" | b"||"))
}

/// Whether an apostrophe stands where no word has one.
fn has_open_quote(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(index, byte)| {
        let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
        *byte == b'\''
            && !(letter(index.checked_sub(1)) && (letter(Some(index + 1)) || bytes.get(index + 1) == Some(&b' ')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn injections_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "1' OR '1'='1",
                "admin'--",
                "admin' #",
                "1 UNION SELECT username, password FROM users",
                "1; DROP TABLE users",
                "1 OR 1=1",
                "' OR 1=1--",
                "\" or \"\"=\"",
                "1' AND SLEEP(5)--",
                "1'; WAITFOR DELAY '0:0:5'--",
                "1/**/UnIoN/**/SeLeCt/**/1,2,3",
                "x' AND 1=(SELECT COUNT(*) FROM tabname); --",
                "1 AND (SELECT 1 FROM information_schema.tables)",
                "-1' UNION SELECT 1,@@version-- -",
                "1 and ascii(substr((select database()),1,1))>64",
                "'||(select 1)||'",
                "1' and extractvalue(1,concat(0x7e,version()))-- ",
                "' having 1=1--",
                "1 order by 10--",
                "') or ('a'='a",
            ],
        );
    }

    #[test]
    fn names_texts_and_code_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "O'Brien",
                "D'Angelo and O'Neil",
                "select a plan from the list and drop me a note",
                "Please update the order and delete the old one",
                "1 or 2 items",
                "black and white",
                "rock 'n' roll",
                "It's 5 o'clock; don't be late",
                "salt & pepper",
                "union of workers",
                "3 x 5 (approx.)",
                "where is the table? on the left or on the right",
                "Mary said \"hello\" and left",
                "50% off -- today only",
                "a=1",
                "2024-01-01 -- 2024-02-01",
                "C# / F# developer",
                "grant from the council",
                "it's a 5-star hotel, isn't it?",
                "order by phone",
                "insert coin",
                "the cat's toy, the dog's bone",
                "O'Reilly's \"SQL Cookbook\" (2nd edition)",
            ],
        );
    }
}
