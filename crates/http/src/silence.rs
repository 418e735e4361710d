//! Closes a connection whose client is too slow: after a short time within a request's head, after a longer time between two
//! requests, and if it does not read a response.
//!
//! hyper has one timeout for the first two cases, and none for the last.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::{
    connections::{Connection, ConnectionSlot, Phase},
    limits::ServerLimits,
};

/// The bytes of a response that a client must read within each `write_timeout`.
const MIN_BYTES_PER_WRITE_TIMEOUT: usize = 8 << 10;

/// A stream that fails if its client is silent for too long, or reads too slowly.
pub(crate) struct IdleGuard<S> {
    stream: S,
    place: ConnectionSlot,
    connection: Arc<Connection>,
    limits: ServerLimits,
    deadline: Pin<Box<Sleep>>,
    unread: Option<Unread>,
}

/// A response that the client has not read completely.
struct Unread {
    deadline: Pin<Box<Sleep>>,
    /// Since the deadline was set.
    written: usize,
}

impl<S> IdleGuard<S> {
    pub(crate) fn new(stream: S, place: ConnectionSlot, limits: ServerLimits) -> Self {
        let connection = place.connection();
        let deadline = Box::pin(sleep(limits.header_timeout));
        Self { stream, place, connection, limits, deadline, unread: None }
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    fn idle_timeout(&self) -> Duration {
        if self.place.is_crowded() { self.limits.header_timeout } else { self.limits.idle_timeout }
    }

    fn heard(&mut self) {
        if self.connection.is(Phase::Answered) || self.connection.is(Phase::Idle) {
            self.connection.set(Phase::Head);
            self.deadline.as_mut().reset(Instant::now() + self.limits.header_timeout);
        }
    }

    /// Ready when the timeout is over.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.connection.is(Phase::Answering) || self.unread.is_some() {
            return Poll::Pending;
        }
        if self.connection.is(Phase::Answered) {
            self.connection.set(Phase::Idle);
            let idle_timeout = self.idle_timeout();
            self.deadline.as_mut().reset(Instant::now() + idle_timeout);
        }
        self.deadline.as_mut().poll(context)
    }

    /// Records the result of a write. Fails it if the client reads too slowly.
    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match (&write, &mut self.unread) {
            (Poll::Ready(Ok(written)), Some(unread)) => {
                unread.written += bytes(written);
                return write;
            }
            (Poll::Ready(_), _) => return write,
            (Poll::Pending, Some(_)) => {}
            (Poll::Pending, none) => {
                *none = Some(Unread { deadline: Box::pin(sleep(self.limits.write_timeout)), written: 0 });
                if !self.connection.is(Phase::Answering) {
                    self.connection.set(Phase::Unread);
                }
            }
        }
        let Some(unread) = &mut self.unread else { return write };
        ready!(unread.deadline.as_mut().poll(context));
        if unread.written < MIN_BYTES_PER_WRITE_TIMEOUT {
            let slow = "the client does not read the response";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, slow)));
        }
        unread.written = 0;
        unread.deadline.as_mut().reset(Instant::now() + self.limits.write_timeout);
        if unread.deadline.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref(); // a timeout of zero
        }
        Poll::Pending
    }

    /// Records that the client has received all bytes.
    fn all_written(&mut self) {
        if self.unread.take().is_some() && self.connection.is(Phase::Unread) {
            self.connection.set(Phase::Answered);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleGuard<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        match read {
            Poll::Pending => self.poll_silence(context).map(Ok),
            Poll::Ready(_) => {
                if buf.filled().len() > before {
                    self.heard();
                }
                read
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_written(context, write, |written| *written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.stream).poll_flush(context);
        if flush.is_ready() {
            self.all_written();
        }
        self.poll_written(context, flush, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shutdown = Pin::new(&mut self.stream).poll_shutdown(context);
        self.poll_written(context, shutdown, |()| 0)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.poll_written(context, write, |written| *written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
