//! A small HTTP/1.1 origin on loopback, a thread a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A running origin. Its threads end with the process.
pub struct Origin {
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    cancelled: AtomicUsize,
    waiting: AtomicUsize,
}

struct Asked {
    method: String,
    path: String,
    trailers: Vec<String>,
    body: Vec<u8>,
}

impl Origin {
    /// Starts one. It serves:
    ///
    /// `/hello` a short text, `/echo` the request's body, `/bytes/N` so many bytes, `/status/N` that status without a
    /// body, `/trailers` the request's trailers as its own, `/wait` nothing until the caller leaves.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = serve(&stream, &counts);
                });
            }
        });
        Self { address, counts }
    }

    /// Requests that came.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Callers of `/wait` that are there.
    pub fn waiting(&self) -> usize {
        self.counts.waiting.load(Ordering::SeqCst)
    }

    /// Callers of `/wait` that left.
    pub fn cancelled(&self) -> usize {
        self.counts.cancelled.load(Ordering::SeqCst)
    }
}

fn serve(stream: &TcpStream, counts: &Counts) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream.try_clone()?;
    while let Some(asked) = read(&mut reader)? {
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let (kind, argument) = asked.path[1..].split_once('/').unwrap_or((&asked.path[1..], ""));
        let head = asked.method == "HEAD";
        match kind {
            "echo" => answer(&mut writer, &asked.body, head)?,
            "bytes" => answer(&mut writer, &vec![b'x'; argument.parse().unwrap()], head)?,
            "status" => write!(writer, "HTTP/1.1 {argument} Said\r\nx-origin: yes\r\n\r\n")?,
            "trailers" => {
                write!(writer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")?;
                for trailer in &asked.trailers {
                    write!(writer, "{trailer}\r\n")?;
                }
                write!(writer, "\r\n")?;
            }
            "wait" => {
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                counts.waiting.fetch_add(1, Ordering::SeqCst);
                let left =
                    !matches!(reader.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
                counts.waiting.fetch_sub(1, Ordering::SeqCst);
                counts.cancelled.fetch_add(usize::from(left), Ordering::SeqCst);
                return Ok(());
            }
            _ => answer(&mut writer, b"hello", head)?,
        }
    }
    Ok(())
}

fn answer(writer: &mut TcpStream, body: &[u8], head: bool) -> std::io::Result<()> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    if !head {
        bytes.extend(body);
    }
    writer.write_all(&bytes)
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let Some(first) = line(reader)? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut asked = Asked { method, path, trailers: Vec::new(), body: Vec::new() };
    let mut length = 0;
    let mut chunked = false;
    while let Some(field) = line(reader)?.filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':').unwrap_or((&field, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    if !chunked {
        asked.body = vec![0; length];
        reader.read_exact(&mut asked.body)?;
        return Ok(Some(asked));
    }
    while let Some(size) = line(reader)?.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) {
        if size == 0 {
            break;
        }
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        asked.body.extend(&chunk[..size]);
    }
    while let Some(trailer) = line(reader)?.filter(|trailer| !trailer.is_empty()) {
        asked.trailers.push(trailer);
    }
    Ok(Some(asked))
}

fn line(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    if reader.read_line(&mut text)? == 0 {
        return Ok(None);
    }
    Ok(Some(text.trim_end().to_owned()))
}
