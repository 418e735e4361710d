//! Ends a connection that is silent for too long: soon while a request's head is due, later between two requests.
//!
//! hyper has one time-out for both.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};

use crate::Limits;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The first bytes of a head have come, or the connection is new.
    Head,
    /// A handler works; how long that may take is not decided here.
    Answering,
    /// The handler has answered, and no silence was seen since.
    Answered,
    /// Nothing has come since the answer.
    Idle,
}

/// The phase, shared by a connection's stream and its service.
pub(crate) struct SharedPhase(AtomicU8);

impl SharedPhase {
    pub(crate) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed); // both ends are polled by one task
    }

    fn is(&self, phase: Phase) -> bool {
        self.0.load(Ordering::Relaxed) == phase as u8
    }
}

/// How long one connection may be silent.
pub(crate) struct Silence {
    limits: Limits,
    places: Arc<Semaphore>,
    phase: Arc<SharedPhase>,
}

impl Silence {
    pub(crate) fn new(limits: Limits, places: Arc<Semaphore>) -> Self {
        Self { limits, places, phase: Arc::new(SharedPhase(AtomicU8::new(Phase::Head as u8))) }
    }

    pub(crate) fn phase(&self) -> Arc<SharedPhase> {
        Arc::clone(&self.phase)
    }

    /// A stream that reads as closed once it was silent for too long.
    pub(crate) fn of<S>(self, stream: S) -> Watched<S> {
        let deadline = Box::pin(sleep(self.limits.header_timeout));
        Watched { stream, silence: self, deadline }
    }

    fn idle_timeout(&self) -> Duration {
        let is_crowded = self.places.available_permits() < self.limits.connections / 2;
        if is_crowded { self.limits.header_timeout } else { self.limits.idle_timeout }
    }
}

/// A stream that ends when its peer is silent for too long.
pub(crate) struct Watched<S> {
    stream: S,
    silence: Silence,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    fn heard(&mut self) {
        let phase = &self.silence.phase;
        if phase.is(Phase::Answered) || phase.is(Phase::Idle) {
            phase.set(Phase::Head);
            self.deadline.as_mut().reset(Instant::now() + self.silence.limits.header_timeout);
        }
    }

    /// Ready when the silence has lasted too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let phase = &self.silence.phase;
        if phase.is(Phase::Answering) {
            return Poll::Pending;
        }
        if phase.is(Phase::Answered) {
            phase.set(Phase::Idle);
            self.deadline.as_mut().reset(Instant::now() + self.silence.idle_timeout());
        }
        self.deadline.as_mut().poll(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
