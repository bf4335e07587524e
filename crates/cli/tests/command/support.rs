//! Running the command, and peers for it.

use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing here takes this long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The command, running. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    captured: Option<Captured>,
    stderr: Captured,
}

/// The command, when it has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Starts it with all its streams piped.
pub(crate) fn neatflow(args: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_neatflow"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = Captured::new(child.stderr.take().unwrap());
    Running { stdout: child.stdout.take(), child, captured: None, stderr }
}

/// Runs it without any input.
pub(crate) fn run(args: &[&str]) -> Finished {
    neatflow(args).fed(b"").finish()
}

impl Running {
    /// Standard input; it ends when this is dropped.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Standard output, to be read by hand.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.stdout.take().unwrap()
    }

    /// Feeds standard input with all of this, and ends it.
    pub(crate) fn fed(mut self, data: &[u8]) -> Self {
        let (mut stdin, data) = (self.stdin(), data.to_vec());
        // An error is told by the process itself.
        thread::spawn(move || stdin.write_all(&data));
        self
    }

    /// Reads standard output from now on, whatever comes.
    pub(crate) fn read(mut self) -> Self {
        self.captured();
        self
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The port it listens on, from the stream it prints that on.
    pub(crate) fn port(&mut self, on_stdout: bool) -> u16 {
        let told = if on_stdout { self.captured() } else { &self.stderr };
        told.wait_for("a line that says where it listens", |text| {
            let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let address = lines.find_map(|line| match line.strip_prefix("listening on ") {
                Some(told) => told.strip_suffix(" tcp").map(str::to_owned),
                None => {
                    let told: serde_json::Value = serde_json::from_str(line).ok()?;
                    let is_it = told["type"] == "listening" && told["protocol"] == "tcp";
                    is_it.then(|| told["address"].as_str().unwrap().to_owned())
                }
            })?;
            let address: SocketAddr = address.parse().unwrap();
            Some(address.port())
        })
    }

    /// What follows this in the first line of standard output that begins with it.
    pub(crate) fn line_of_stdout(&mut self, beginning: &str) -> String {
        self.captured().wait_for(beginning, |text| {
            let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            lines.find_map(|line| line.strip_prefix(beginning)).map(str::to_owned)
        })
    }

    /// Waits until standard error says this.
    pub(crate) fn wait_for_stderr(&self, what: &str) {
        self.stderr.wait_for(what, |text| text.contains(what).then_some(()));
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The most memory it ever had, in MiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        if self.stdout.is_some() {
            self.captured();
        }
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end; it said: {}", self.stderr.text());
            thread::sleep(Duration::from_millis(5));
        };
        Finished {
            code: status.code(),
            stdout: self.captured.take().map(|captured| captured.all()).unwrap_or_default(),
            stderr: String::from_utf8(self.stderr.all()).unwrap(),
        }
    }

    fn captured(&mut self) -> &Captured {
        let stdout = &mut self.stdout;
        self.captured.get_or_insert_with(|| Captured::new(stdout.take().unwrap()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// What a stream of the process has said so far.
#[derive(Clone, Default)]
struct Captured(Arc<Stream>);

#[derive(Default)]
struct Stream {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    fn new(mut stream: impl Read + Send + 'static) -> Self {
        let new = Self::default();
        let captured = new.0.clone();
        thread::spawn(move || {
            let mut buffer = [0; 65_536];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                let mut said = captured.said.lock().unwrap();
                said.bytes.extend_from_slice(&buffer[..read]);
                said.ended = read == 0;
                captured.more.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        new
    }

    fn text(&self) -> String {
        self.0.said.lock().unwrap().text()
    }

    #[track_caller]
    fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let since = Instant::now();
        let mut said = self.0.said.lock().unwrap();
        loop {
            if let Some(found) = find(&said.text()) {
                return found;
            }
            assert!(!said.ended && since.elapsed() < PATIENCE, "no {what} in: {}", said.text());
            said = self.0.more.wait_timeout(said, Duration::from_millis(100)).unwrap().0;
        }
    }

    /// All of it, once it has ended.
    fn all(&self) -> Vec<u8> {
        let since = Instant::now();
        let mut said = self.0.said.lock().unwrap();
        while !said.ended {
            assert!(since.elapsed() < PATIENCE, "a stream that does not end");
            said = self.0.more.wait_timeout(said, Duration::from_millis(100)).unwrap().0;
        }
        std::mem::take(&mut said.bytes)
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A peer to connect to; what it does with its one connection is its result.
pub(crate) struct Peer<T> {
    port: u16,
    done: JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn new(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let done = thread::spawn(move || serve(patient(listener.accept().unwrap().0)));
        Self { port, done }
    }

    pub(crate) fn port(&self) -> String {
        self.port.to_string()
    }

    pub(crate) fn done(self) -> T {
        self.done.join().unwrap()
    }
}

/// A client of our own.
pub(crate) fn client(port: u16) -> TcpStream {
    patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that comes until the end.
pub(crate) fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    data
}

/// All that comes until the end, slowly: 1 MiB, and then a rest.
pub(crate) fn read_slowly(mut stream: impl Read, rest: Duration) -> Vec<u8> {
    let (mut data, mut buffer, mut rested) = (Vec::new(), vec![0; 256 * 1024], 0);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            return data;
        }
        data.extend_from_slice(&buffer[..read]);
        if data.len() >> 20 > rested {
            rested = data.len() >> 20;
            thread::sleep(rest);
        }
    }
}

/// Ends it with a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Bytes without a pattern that a lost or doubled chunk could hide in.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut data = Vec::with_capacity(length + 8);
    while data.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(length);
    data
}

/// Not `assert_eq`, which would print megabytes.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], expected: &[u8]) {
    assert_eq!(got.len(), expected.len());
    assert!(got == expected, "the same length, and other bytes");
}

/// A port of every IPv4 address of loopback where nobody listens, as long as this is kept.
pub(crate) struct Refusing(Socket);

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn port(&self) -> String {
        self.0.local_addr().unwrap().as_socket().unwrap().port().to_string()
    }
}

/// A port of 127.0.0.1 where nobody answers, as long as this is kept.
pub(crate) struct Silent {
    socket: Socket,
    _waiting: Vec<TcpStream>,
}

impl Silent {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        Self { socket, _waiting: waiting }
    }

    pub(crate) fn port(&self) -> String {
        self.socket.local_addr().unwrap().as_socket().unwrap().port().to_string()
    }
}

/// A black hole at 127.0.0.1, and at 127.0.0.2, on the same port, somebody who takes connections and says nothing.
pub(crate) struct HalfSilent {
    silent: Silent,
    _listener: TcpListener,
}

impl HalfSilent {
    pub(crate) fn new() -> Self {
        for _ in 0..32 {
            let silent = Silent::new();
            let port = silent.port().parse::<u16>().unwrap();
            if let Ok(_listener) = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)) {
                return Self { silent, _listener };
            }
        }
        panic!("no port is free at both addresses");
    }

    pub(crate) fn port(&self) -> String {
        self.silent.port()
    }
}

/// A name server that knows two names: `two.example`, 127.0.0.1 and 127.0.0.2, and `slow.example`, 192.0.2.1, and
/// 150 ms later 2001:db8::1.
pub(crate) struct Names {
    pub(crate) address: String,
    /// Where it is asked over TLS and HTTPS, and who vouches for it (`dns.example`).
    pub(crate) tls: String,
    pub(crate) https: String,
    pub(crate) authority: String,
    _stop: mpsc::Sender<()>,
}

impl Names {
    pub(crate) fn new() -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = DnsServer::start_secure().await.unwrap();
                server.on("two.example", RecordType::A, Reply::addresses(["127.0.0.1", "127.0.0.2"]));
                server.on("two.example", RecordType::AAAA, Reply::no_data());
                server.on("slow.example", RecordType::A, Reply::addresses(["192.0.2.1"]));
                let late = Reply::addresses(["2001:db8::1"]).after(Duration::from_millis(150));
                server.on("slow.example", RecordType::AAAA, late);
                server.on("slow.example", RecordType::HTTPS, Reply::no_data());
                let places = [server.address(), server.tls(), server.https()].map(|one| one.to_string());
                tell.send((places, server.authority_pem())).unwrap();
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        });
        let ([address, tls, https], authority) = told.recv().unwrap();
        Self { address, tls, https, authority, _stop: stop }
    }
}
