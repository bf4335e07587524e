//! actix as its documentation has it: an actor for each connection, a `StreamHandler` for what comes, a writer of
//! `actix::io` for what goes.

use super::codec::Codec;
use super::{ANYWHERE, listen};
use crate::Failure;
use crate::order::Service;
use crate::wire::{PIECE, number, payload, piece};
use actix::io::{FramedWrite, SinkWrite, WriteHandler};
use actix::prelude::*;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::SplitSink;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::codec::{BytesCodec, FramedRead};
use tokio_util::udp::UdpFramed;

/// How many units are made before others on the arbiter get their turn.
const TURN: u64 = 512;

/// Serves on one arbiter. Returns only when it fails.
pub(crate) fn serve(address: &Sender<SocketAddr>, service: Service) -> Result<(), Failure> {
    System::new().block_on(async {
        if service == Service::EchoDatagrams {
            let socket = UdpSocket::bind(ANYWHERE).await?;
            address.send(socket.local_addr()?)?;
            let _echo = start_datagrams(socket);
            return std::future::pending().await;
        }
        let listener = listen(address)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Connection::start_with(stream, service);
        }
    })
}

struct Connection {
    service: Service,
    out: FramedWrite<Bytes, OwnedWriteHalf, Codec>,
    /// What came: frames or bytes.
    count: u64,
    /// The next frame, and where to stop.
    next: u64,
    end: u64,
    piece: Bytes,
}

impl Connection {
    fn start_with(stream: TcpStream, service: Service) {
        let (read, write) = stream.into_split();
        Self::create(|ctx| {
            let frames = match service {
                Service::CountBytes => FramedRead::with_capacity(read, Codec::of(service), PIECE),
                _ => FramedRead::new(read, Codec::of(service)),
            };
            Self::add_stream(frames, ctx);
            let out = FramedWrite::new(write, Codec::of(service), ctx);
            let piece = if service == Service::ProducePieces { piece().into() } else { Bytes::new() };
            Self { service, out, count: 0, next: 0, end: 0, piece }
        });
    }
}

impl Actor for Connection {
    type Context = Context<Self>;
}

impl StreamHandler<io::Result<BytesMut>> for Connection {
    fn handle(&mut self, item: io::Result<BytesMut>, ctx: &mut Self::Context) {
        let Ok(item) = item else { return ctx.stop() };
        match self.service {
            Service::Echo => self.out.write(item.freeze()),
            Service::Count => self.count += u64::from(number(&item).is_some()),
            Service::CountBytes => self.count += item.len() as u64,
            Service::Produce | Service::ProducePieces => {
                let idle = self.next == self.end;
                self.end += number(&item).unwrap_or_default();
                if idle {
                    ctx.notify(More);
                }
            }
            Service::EchoDatagrams => {}
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {
        if matches!(self.service, Service::Count | Service::CountBytes) {
            self.out.write(Bytes::copy_from_slice(&payload(self.count)));
        }
        self.out.close();
    }
}

impl WriteHandler<io::Error> for Connection {}

#[derive(Message)]
#[rtype(result = "()")]
struct More;

impl Handler<More> for Connection {
    type Result = ();

    fn handle(&mut self, _: More, ctx: &mut Self::Context) {
        // As many bytes of either kind.
        let turn = if self.service == Service::Produce { TURN } else { 1 };
        let until = self.end.min(self.next + turn);
        while self.next < until {
            match self.service {
                Service::Produce => self.out.write(Bytes::copy_from_slice(&payload(self.next))),
                _ => self.out.write(self.piece.clone()),
            }
            self.next += 1;
        }
        if self.next < self.end {
            ctx.notify(More);
        }
    }
}

type Datagram = (Bytes, SocketAddr);

struct Datagrams {
    out: SinkWrite<Datagram, SplitSink<UdpFramed<BytesCodec>, Datagram>>,
}

fn start_datagrams(socket: UdpSocket) -> Addr<Datagrams> {
    Datagrams::create(|ctx| {
        let (sink, stream) = UdpFramed::new(socket, BytesCodec::new()).split();
        Datagrams::add_stream(stream.filter_map(async |item| item.ok()), ctx);
        Datagrams { out: SinkWrite::new(sink, ctx) }
    })
}

impl Actor for Datagrams {
    type Context = Context<Self>;
}

impl StreamHandler<(BytesMut, SocketAddr)> for Datagrams {
    fn handle(&mut self, (bytes, peer): (BytesMut, SocketAddr), _: &mut Self::Context) {
        // It refuses only when it is closed, and nobody closes it.
        let _ = self.out.write((bytes.freeze(), peer));
    }
}

impl WriteHandler<io::Error> for Datagrams {
    fn error(&mut self, _: io::Error, _: &mut Self::Context) -> Running {
        Running::Continue
    }
}
