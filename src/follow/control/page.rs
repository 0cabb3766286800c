//! `/`: the page for people. It works without scripts; what it changes, it changes by forms.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::api::{Refusal, STEPS, change, unpin_now};
use super::session::Visit;
use super::{Followed, Shared};
use crate::follow::deliveries::{Delivery, Looked};
use crate::follow::releases::{Outcome, Releases};
use crate::follow::state::{Record, Status};
use crate::follow::view::View;

/// No script, nothing of others, and no other site may show it in a frame.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const STYLE: &str = include_str!("style.css");
/// Whoever guesses tokens waits so long for each.
const WRONG: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
}

/// A button of the page.
#[derive(Deserialize)]
pub(super) struct Action {
    form: String,
    action: String,
    #[serde(default)]
    digest: Option<String>,
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], STYLE).into_response()
}

pub(super) async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let visit = shared.sessions.visit(&headers);
    page(StatusCode::OK, &body(&shared, visit.as_ref(), None))
}

pub(super) async fn login(State(shared): State<Arc<Shared>>, Form(login): Form<Login>) -> Response {
    if !shared.tokens.as_ref().is_some_and(|tokens| tokens.contain(login.token.trim())) {
        tokio::time::sleep(WRONG).await;
        tracing::warn!("a wrong token was given to the control page");
        return page(StatusCode::UNAUTHORIZED, &body(&shared, None, Some("That is not the token.")));
    }
    match shared.sessions.begin() {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], home()).into_response(),
        None => page(StatusCode::INTERNAL_SERVER_ERROR, &body(&shared, None, Some("No session can be begun."))),
    }
}

pub(super) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.sessions.end(&headers);
    home().into_response()
}

/// Does what a button says. The session's own field keeps other sites from pressing it.
pub(super) async fn act(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(action): Form<Action>) -> Response {
    if !shared.sessions.permit(&headers, &action.form) {
        return page(StatusCode::FORBIDDEN, &body(&shared, None, Some("Sign in first.")));
    }
    let said = match perform(&shared, &action).await {
        Ok(said) => said,
        Err(Refusal(_, reason)) => format!("Not done: {reason}"),
    };
    shared.sessions.say(&headers, said);
    home().into_response()
}

async fn perform(shared: &Shared, action: &Action) -> Result<String, Refusal> {
    let followed = shared.ready()?;
    let digest = action.digest.clone();
    match action.action.as_str() {
        "rollback" => {
            let record = change(followed, digest, Releases::rollback).await?;
            Ok(format!("Release {} is served, and stays until it is unpinned.", record.sequence))
        }
        "pin" => {
            let record = change(followed, digest, Releases::pin).await?;
            Ok(format!("Release {} is pinned.", record.sequence))
        }
        "unpin" => Ok(told(&unpin_now(followed).await?)),
        "look" => {
            followed.follower.bell.ring(None, None);
            Ok("The registry is asked now; load this page again to see what came.".to_owned())
        }
        "deploy" => {
            let failed = |reason| Refusal(StatusCode::BAD_GATEWAY, reason);
            Ok(told(&followed.follower.look().await.map_err(failed)?))
        }
        other => Err(Refusal(StatusCode::BAD_REQUEST, format!("there is no action '{other}'"))),
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Installed => "The latest release is served.".to_owned(),
        Outcome::Same => "The latest release is served already.".to_owned(),
        Outcome::Waiting(reason) => format!("The latest release is kept and not served: {reason}."),
        Outcome::Refused(reason) => format!("The latest release is refused: {reason}."),
    }
}

/// To the page, by GET: a reload presses no button again.
fn home() -> impl IntoResponse {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/"), (header::CACHE_CONTROL, "no-store")])
}

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width\">\n\
         <title>galley</title>\n<link rel=stylesheet href=/style.css>\n{body}\n</html>\n"
    );
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, fields, Html(html)).into_response()
}

fn body(shared: &Shared, visit: Option<&Visit>, said: Option<&str>) -> String {
    let mut html = String::from("<header><h1>galley</h1>");
    match (visit, &shared.tokens) {
        (Some(_), _) => html.push_str("<form method=post action=/logout><button>Sign out</button></form>"),
        (None, Some(_)) => html.push_str(
            "<form method=post action=/login><label>Token <input name=token type=password \
             autocomplete=current-password required></label> <button>Sign in</button></form>",
        ),
        (None, None) => html
            .push_str("<span class=quiet>To change something, start it with <code>--control-token-file</code></span>"),
    }
    html.push_str("</header>\n<main>\n");
    for text in said.into_iter().chain(visit.and_then(|visit| visit.said.as_deref())) {
        add(&mut html, format_args!("<p class=said role=status>{}</p>\n", escape(text)));
    }
    match shared.followed() {
        Some(followed) => instance(&mut html, followed, visit),
        None => html.push_str("<p>Nothing is followed yet. Look again in a moment.</p>\n"),
    }
    html.push_str("</main>");
    html
}

fn instance(html: &mut String, followed: &Followed, visit: Option<&Visit>) {
    let view = followed.releases.view();
    add(html, format_args!("<p>Follows <code>{}</code></p>\n", escape(&followed.follower.reference.to_string())));
    if let Some(trouble) = followed.follower.trouble.view() {
        add(
            html,
            format_args!(
                "<p class=bad>Since {} no look has gone well ({} in a row): {}</p>\n",
                time(trouble.since),
                trouble.failures,
                escape(&trouble.message)
            ),
        );
    }
    serving(html, &view);
    if let Some(visit) = visit {
        actions(html, &view, &visit.form);
    }
    html.push_str("<h2>Releases</h2>\n");
    releases(html, &followed.releases.list(), &view, visit);
    let hooks = followed.follower.bell.deliveries().recent();
    if !hooks.is_empty() {
        html.push_str("<h2>Last hooks</h2>\n");
        deliveries(html, &hooks);
    }
    let steps = followed.releases.steps(STEPS);
    if !steps.is_empty() {
        html.push_str("<h2>Last steps</h2>\n");
        journal(html, &steps);
    }
    html.push_str("<p><a href=/metrics>Metrics</a></p>\n");
}

fn serving(html: &mut String, view: &View) {
    html.push_str("<dl>");
    let mut row = |name: &str, value: String| add(html, format_args!("<dt>{name}<dd>{value}\n"));
    match &view.serving {
        Some(record) => {
            row("Serves", format!("release {} <code>{}</code>", record.sequence, record.digest.short()));
            if record.revision.is_some() {
                row("Revision", revision(record));
            }
            if let Some(installed) = record.installed {
                row("Since", format!("{}, by {}", time(installed), record.installed_by.unwrap_or(record.cause)));
            }
        }
        None => row("Serves", "content that it was started with".to_owned()),
    }
    row("Content", format!("<code>{}</code>", view.content_root));
    if let Some(baked) = view.baked {
        row("Image", format!("holds release {baked}"));
    }
    if let Some(program) = &view.program {
        row("Program", escape(program));
    }
    if view.pinned.is_some() {
        row("Pinned", format!("yes; {} newer", view.behind));
    }
    if let Some(waiting) = &view.waiting {
        row("Latest", format!("<span class=bad>not served: {}</span>", escape(waiting)));
    }
    if view.crowded > 0 {
        let megabytes = view.crowded.div_ceil(1 << 20);
        row("Memory", format!("<span class=bad>holds {megabytes} MB of media that could not be put on a disk</span>"));
    }
    row(
        "State",
        view.state.as_deref().map_or("in memory only".to_owned(), |folder| format!("<code>{}</code>", escape(folder))),
    );
    html.push_str("</dl>\n");
}

fn actions(html: &mut String, view: &View, form: &str) {
    html.push_str("<div class=actions>");
    button(html, form, "rollback", "Roll back", None);
    match view.pinned {
        Some(_) => button(html, form, "unpin", "Unpin", None),
        None => button(html, form, "pin", "Pin", None),
    }
    button(html, form, "look", "Look now", None);
    if waits(view) {
        button(html, form, "deploy", "Serve the latest", None);
    }
    html.push_str("</div>\n");
}

/// Whether the latest release is not served, and a person's word may change that.
fn waits(view: &View) -> bool {
    let is_harmful = view.latest.as_ref().is_some_and(|record| record.status.is_harmful());
    view.waiting.is_some() && view.pinned.is_none() && !is_harmful
}

fn button(html: &mut String, form: &str, action: &str, label: &str, digest: Option<&str>) {
    add(html, format_args!("<form method=post action=/do><input type=hidden name=form value={form}>"));
    if let Some(digest) = digest {
        add(html, format_args!("<input type=hidden name=digest value=\"{digest}\">"));
    }
    add(html, format_args!("<button name=action value={action}>{label}</button></form>\n"));
}

fn releases(html: &mut String, records: &[Record], view: &View, visit: Option<&Visit>) {
    html.push_str("<div class=scroll tabindex=0 role=region aria-label=Releases><table><thead><tr><th>Number<th>Digest<th>Revision<th>Status<th>Came<th>Changes<th></thead>\n");
    let serving = view.serving.as_ref().map(|record| record.digest);
    for record in records {
        let Record { sequence, digest, changes, status, .. } = record;
        let state = match status {
            _ if serving == Some(*digest) => "served".to_owned(),
            Status::Held(reason) | Status::Quarantined(reason) => format!("{}: {}", status.name(), escape(reason)),
            _ => status.name().to_owned(),
        };
        let came = format!("{}, by {}", time(record.fetched), record.cause);
        add(
            html,
            format_args!(
                "<tr><td>{sequence}<td><code>{}</code><td>{}<td class=wide>{state}<td>{came}<td>+{} ~{} −{}<td>",
                digest.short(),
                revision(record),
                changes.added,
                changes.changed,
                changes.removed
            ),
        );
        let Some(visit) = visit.filter(|_| !status.is_harmful()) else { continue };
        let named = digest.to_string();
        if serving != Some(*digest) {
            button(html, &visit.form, "rollback", "Serve", Some(&named));
        }
        if view.pinned != Some(*digest) {
            button(html, &visit.form, "pin", "Pin", Some(&named));
        }
    }
    html.push_str("</table></div>\n");
}

/// The beginning of the commit that a release was made from.
fn revision(record: &Record) -> String {
    let text: Option<String> = record.revision.as_ref().map(|revision| revision.chars().take(12).collect());
    text.map(|text| format!("<code>{}</code>", escape(&text))).unwrap_or_default()
}

fn deliveries(html: &mut String, hooks: &[Delivery]) {
    html.push_str("<div class=scroll tabindex=0 role=region aria-label=\"Last hooks\"><table><thead><tr><th>Time<th>Sender<th>Answer<th>Meaning<th>Outcome</thead>\n");
    for hook in hooks.iter().take(STEPS) {
        let outcome = match &hook.outcome {
            None => String::new(),
            Some(Looked::NothingNew) => "nothing new".to_owned(),
            Some(Looked::Release { digest }) => format!("release <code>{}</code>", digest.short()),
            Some(Looked::Kept { digest, reason }) => {
                format!("<code>{}</code> is kept: {}", digest.short(), escape(reason))
            }
            Some(Looked::Failed { message }) => format!("<span class=bad>{}</span>", escape(message)),
        };
        let came = Timestamp::try_from(hook.time).map(time).unwrap_or_default();
        let (sender, meaning) = (escape(&hook.sender.to_string()), escape(hook.meaning));
        add(
            html,
            format_args!(
                "<tr><td>{came}<td>{sender}<td>{}<td class=wide>{meaning}<td class=wide>{outcome}\n",
                hook.status
            ),
        );
    }
    html.push_str("</table></div>\n");
}

fn journal(html: &mut String, steps: &[Map<String, Value>]) {
    html.push_str("<div class=scroll tabindex=0 role=region aria-label=\"Last steps\"><table><thead><tr><th>Time<th>Step<th>Facts</thead>\n");
    for step in steps {
        let text = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
        let moment = text("time").parse().map_or_else(|_| escape(text("time")), time);
        let facts = step.iter().filter(|(name, value)| !["time", "step"].contains(&name.as_str()) && !value.is_null());
        let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {}", plain(value))).collect();
        let facts = escape(&facts.join(", "));
        add(html, format_args!("<tr><td>{moment}<td>{}<td class=wide>{facts}\n", escape(text("step"))));
    }
    html.push_str("</table></div>\n");
}

/// A fact for a person: digests by their beginnings.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with("sha256:") => text.chars().skip(7).take(16).collect(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields.values().map(plain).collect::<Vec<_>>().join(": "),
        other => other.to_string(),
    }
}

/// To the second.
fn time(time: Timestamp) -> String {
    format!("{time:.0}").replace('T', " ").replace('Z', " UTC")
}

fn add(html: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes all that is written.
    let _ = html.write_fmt(text);
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_from_elsewhere_becomes_markup() {
        let mut html = String::new();
        let step =
            json!({"time": "<b>", "step": "<i>", "error": "<script>'\"&", "digest": "sha256:0123456789abcdef0123"});
        journal(&mut html, &[step.as_object().unwrap().clone()]);
        assert!(
            html.contains("&lt;script&gt;&#39;&quot;&amp;, digest 0123456789abcdef")
                || html.contains("digest 0123456789abcdef, error &lt;script&gt;&#39;&quot;&amp;"),
            "{html}"
        );
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("<script>"));
    }
}
