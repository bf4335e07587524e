//! What the server does on a connection, however it hears of it: small messages by `writer`, large ones by `send`.

use super::session::Session;
use crate::order::Service;
use crate::wire::{FRAME, frame, piece};
use bytes::Bytes;
use neatflow::{Connection, Messages};

/// What is the same on every connection.
#[derive(Clone)]
pub(super) struct Trade {
    service: Service,
    piece: Bytes,
}

impl Trade {
    pub(super) fn new(service: Service) -> Self {
        let piece = if service == Service::ProducePieces { piece().into() } else { Bytes::new() };
        Self { service, piece }
    }

    /// For a connection that begins.
    pub(super) fn session(&self) -> Session {
        Session::new(self.service)
    }

    /// Takes what has come, and answers.
    pub(super) fn take(&self, session: &mut Session, connection: &Connection, messages: Messages) {
        match self.service {
            // No more is under way than there is room for.
            Service::Echo => {
                let mut out = connection.writer();
                for message in messages {
                    session.take(&message.data, |frame| _ = out.send(frame));
                }
            }
            Service::EchoDatagrams => {
                let mut out = connection.writer();
                for message in messages {
                    out.send(&message.data);
                }
            }
            Service::Count | Service::CountBytes | Service::Produce | Service::ProducePieces => {
                for message in messages {
                    session.take(&message.data, |_| {});
                }
                // Where there was no room it goes on when there is.
                if !session.waits {
                    self.fill(session, connection);
                }
            }
        }
    }

    /// Sends what was asked for, as long as there is room.
    pub(super) fn fill(&self, session: &mut Session, connection: &Connection) {
        match self.service {
            Service::Produce => {
                let mut out = connection.writer();
                session.send_many(|first, count| {
                    let count = usize::try_from(count).unwrap_or(usize::MAX);
                    let sent = out.send_many_with(FRAME, count, |number, room| {
                        if let Some(room) = room.first_chunk_mut() {
                            *room = frame(first + number as u64);
                        }
                    });
                    (sent as u64, !out.is_high())
                });
            }
            Service::ProducePieces => session.send(|_| !connection.send(self.piece.clone()).is_high()),
            _ => {}
        }
    }

    /// Answers the peer's end.
    pub(super) fn finish(&self, session: &Session, connection: &Connection) {
        if let Some(verdict) = session.verdict() {
            connection.send(Bytes::copy_from_slice(&verdict));
        }
        connection.close();
    }
}
