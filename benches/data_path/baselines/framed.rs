//! tokio-util: the same in a few lines, with its codecs.

use super::codec::Codec;
use crate::order::Service;
use crate::wire::{PIECE, number, payload, piece};
use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use std::io;
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::codec::{BytesCodec, Framed};
use tokio_util::udp::UdpFramed;

pub(crate) async fn connection(stream: TcpStream, service: Service) -> io::Result<()> {
    let codec = Codec::of(service);
    let mut framed = match service {
        Service::CountBytes => Framed::with_capacity(stream, codec, PIECE),
        _ => Framed::new(stream, codec),
    };
    match service {
        Service::Echo => {
            while let Some(item) = framed.next().await {
                framed.feed(item?.freeze()).await?;
                // What is there already is answered together with it.
                while let Some(Some(item)) = framed.next().now_or_never() {
                    framed.feed(item?.freeze()).await?;
                }
                framed.flush().await?;
            }
        }
        Service::Count => {
            let mut count = 0;
            while let Some(item) = framed.next().await {
                count += u64::from(number(&item?).is_some());
            }
            framed.send(Bytes::copy_from_slice(&payload(count))).await?;
        }
        Service::CountBytes => {
            let mut count = 0;
            while let Some(item) = framed.next().await {
                count += item?.len() as u64;
            }
            framed.send(Bytes::copy_from_slice(&payload(count))).await?;
        }
        Service::Produce => {
            let mut next = 0;
            while let Some(item) = framed.next().await {
                let end = next + number(&item?).unwrap_or_default();
                while next < end {
                    framed.feed(Bytes::copy_from_slice(&payload(next))).await?;
                    next += 1;
                }
                framed.flush().await?;
            }
        }
        Service::ProducePieces => {
            let piece = Bytes::from(piece());
            while let Some(item) = framed.next().await {
                for _ in 0..number(&item?).unwrap_or_default() {
                    framed.feed(piece.clone()).await?;
                }
                framed.flush().await?;
            }
        }
        Service::EchoDatagrams => return Err(io::ErrorKind::Unsupported.into()),
    }
    Ok(())
}

pub(crate) async fn echo_datagrams(socket: UdpSocket) -> io::Result<()> {
    let mut framed = UdpFramed::new(socket, BytesCodec::new());
    while let Some(datagram) = framed.next().await {
        let (bytes, peer) = datagram?;
        framed.send((bytes.freeze(), peer)).await?;
    }
    Ok(())
}
