//! Two futures at once; the first to end decides, the other is dropped.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Which one ended.
pub(super) enum First<L, R> {
    Left(L),
    Right(R),
}

/// Polls `left` before `right`, always.
///
/// Both stay where the caller has pinned them: they are large, and every move would be a copy for each exchange.
pub(super) fn first<L: Future, R: Future>(
    mut left: Pin<&mut L>,
    mut right: Pin<&mut R>,
) -> impl Future<Output = First<L::Output, R::Output>> {
    poll_fn(move |cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
}
