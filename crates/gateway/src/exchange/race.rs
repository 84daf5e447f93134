//! Two futures at once; the first to end decides, the other is dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which one ended.
pub(super) enum First<L, R> {
    Left(L),
    Right(R),
}

/// Polls `left` before `right`, always.
pub(super) async fn first<L: Future, R: Future>(left: L, right: R) -> First<L::Output, R::Output> {
    let mut left = pin!(left);
    let mut right = pin!(right);
    poll_fn(|cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}
