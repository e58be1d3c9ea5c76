//! A component as a service: a fresh instance and a fresh process for each request.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;
use std::time::{Duration, Instant};

use holm_abi::Signal;
use holm_engine::process::Outcome;
use holm_kernel::Process;
use holm_wasi_p2::State;
use holm_wasi_p2::http::{Body, ErrorCode, HttpService, Served};
use http::{Request, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout_at;

use super::place::Place;
use super::{Answer, Service, text_answer};

/// What went wrong with a request, for whoever runs the server. The client is told less.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem<'a> {
    /// The guest did not end well.
    Ended(&'a Outcome),
    /// The guest returned and had not answered.
    Silent,
    /// The guest answered with an error.
    Failed(&'a ErrorCode),
    /// The time of a request was over.
    TimedOut(Duration),
    /// There is no process for the request.
    NotStarted(&'a str),
}

/// Hears of the requests of a service.
pub trait Report: Send + Sync + fmt::Debug {
    /// Something went wrong.
    fn problem(&self, problem: &Problem<'_>);
    /// A request is over: what was refused to its process is there to be told, and what was to
    /// those of its dependencies, each of which is a program by its label.
    fn ended(&self, process: &Process, dependencies: &[Arc<Process>]);
}

/// Makes the process of a request, and what its store holds.
pub type MakeState = dyn Fn() -> Result<State, String> + Send + Sync;

/// Answers with a component.
#[derive(Clone)]
pub struct ComponentService {
    inner: Rc<Inner>,
}

struct Inner {
    service: HttpService,
    make: Arc<MakeState>,
    report: Arc<dyn Report>,
    time: Option<Duration>,
    requests: Arc<AtomicUsize>,
    requests_max: usize,
}

impl fmt::Debug for ComponentService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentService").finish_non_exhaustive()
    }
}

impl ComponentService {
    /// For one worker. `requests` counts those of all workers, at most `requests_max`; `time` is
    /// what one request may take from its beginning to the end of its guest.
    #[must_use]
    pub fn new(
        service: HttpService,
        make: Arc<MakeState>,
        report: Arc<dyn Report>,
        time: Option<Duration>,
        requests: Arc<AtomicUsize>,
        requests_max: usize,
    ) -> ComponentService {
        let inner = Inner {
            service,
            make,
            report,
            time,
            requests,
            requests_max,
        };
        ComponentService {
            inner: Rc::new(inner),
        }
    }
}

impl Service for ComponentService {
    fn call(&self, request: Request<Body>) -> Answer {
        let inner = self.inner.clone();
        let Some(place) = Place::take(&inner.requests, inner.requests_max) else {
            let max = inner.requests_max;
            let text = format!("at most {max} requests are served at a time");
            let response = text_answer(StatusCode::SERVICE_UNAVAILABLE, text);
            return Box::pin(std::future::ready(response));
        };
        let state = match (inner.make)() {
            Ok(state) => state,
            Err(reason) => {
                inner.report.problem(&Problem::NotStarted(&reason));
                let response = text_answer(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
                return Box::pin(std::future::ready(response));
            }
        };
        Box::pin(answer(inner, state, request, place))
    }
}

/// What a client is told of a failure; the person who runs the server is told why.
const FAILED: &str = "the service failed";

type Guest = Pin<Box<dyn Future<Output = ()>>>;
type Answered = Result<Response<Body>, ErrorCode>;

/// Runs the guest right here until it has answered; what it does after that goes on by itself.
async fn answer(
    inner: Rc<Inner>,
    state: State,
    request: Request<Body>,
    place: Place,
) -> Response<Body> {
    let until = inner.time.map(|time| Instant::now() + time);
    let (sender, mut receiver) = oneshot::channel::<Answered>();
    let ended = Rc::new(Cell::new(Ended::Badly));
    let mut guest: Guest = {
        let (inner, ended) = (inner.clone(), ended.clone());
        Box::pin(async move {
            // Let go of after the guest, also when that is given up.
            let _over = Over {
                inner: inner.clone(),
                process: state.guest.task.process().clone(),
                dependencies: state.views().cloned().collect(),
            };
            let reply = Box::new(move |answer| drop(sender.send(answer)));
            let served = inner.service.serve(state, request, reply, until).await;
            ended.set(tell(&inner, &served));
            drop(place);
        })
    };
    // A guest that drops the place for its answer may still run; its end decides.
    let mut gone = false;
    let first = poll_fn(|context| {
        if guest.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        if gone {
            return Poll::Pending;
        }
        match Pin::new(&mut receiver).poll(context) {
            Poll::Ready(Ok(answered)) => Poll::Ready(Some(answered)),
            Poll::Ready(Err(_)) => {
                gone = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    });
    let first = match until {
        None => first.await,
        Some(until) => match timeout_at(until.into(), first).await {
            Ok(first) => first,
            Err(_) => {
                inner.timed_out();
                return late();
            }
        },
    };
    match first {
        Some(answered) => {
            spawn_local(rest(inner.clone(), guest, until));
            inner.respond(answered)
        }
        None if !gone => match receiver.try_recv() {
            Ok(answered) => inner.respond(answered),
            Err(_) => inner.silent(ended.get()),
        },
        None => inner.silent(ended.get()),
    }
}

fn late() -> Response<Body> {
    text_answer(StatusCode::GATEWAY_TIMEOUT, "the service took too long")
}

/// What the guest does after it has answered: write the body, perhaps more.
async fn rest(inner: Rc<Inner>, guest: Guest, until: Option<Instant>) {
    match until {
        None => guest.await,
        Some(until) => {
            if timeout_at(until.into(), guest).await.is_err() {
                inner.timed_out();
            }
        }
    }
}

/// How a guest ended, as far as its client is concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    Late,
}

/// A request that is over, in whichever way: what was refused is told.
struct Over {
    inner: Rc<Inner>,
    process: Arc<Process>,
    dependencies: Vec<Arc<Process>>,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.inner.report.ended(&self.process, &self.dependencies);
    }
}

/// Reports how a guest ended.
fn tell(inner: &Inner, served: &Served) -> Ended {
    match &served.outcome {
        Outcome::Exited(0) => Ended::Well,
        // It computed, and was stopped when its time was over.
        Outcome::Signaled(Signal::Alarm) if inner.time.is_some() => {
            inner.timed_out();
            Ended::Late
        }
        outcome => {
            inner.report.problem(&Problem::Ended(outcome));
            Ended::Badly
        }
    }
}

impl Inner {
    fn respond(&self, answered: Answered) -> Response<Body> {
        match answered {
            Ok(response) => response,
            Err(error) => {
                self.report.problem(&Problem::Failed(&error));
                text_answer(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
            }
        }
    }

    fn silent(&self, ended: Ended) -> Response<Body> {
        match ended {
            Ended::Late => return late(),
            Ended::Well => self.report.problem(&Problem::Silent),
            Ended::Badly => {}
        }
        text_answer(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
    }

    fn timed_out(&self) {
        let time = self.time.unwrap_or_default();
        self.report.problem(&Problem::TimedOut(time));
    }
}
