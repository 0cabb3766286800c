//! What each sender wants to be told, in the words of its own form.

use super::target::Target;
use crate::follow::Sender;

/// A form, or a file, in which a webhook is set up.
pub(super) struct Form {
    /// Where it is found.
    pub(super) place: &'static str,
    /// Its fields, as it calls them, and what belongs there.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What to know before.
    pub(super) note: Option<&'static str>,
}

/// The form of `sender`, filled in.
pub(super) fn form(sender: Sender, target: &Target, secret: &str) -> Form {
    let (plain, in_path) = (target.plain(), target.with_secret(secret));
    let owned = str::to_owned;
    let (place, fields, note) = match sender {
        Sender::DockerHub => (
            "hub.docker.com: the repository, Webhooks",
            vec![("Webhook name", owned("galley")), ("Webhook URL", in_path)],
            Some("Docker Hub signs nothing: the secret is in the URL"),
        ),
        Sender::Quay => (
            "quay.io: the repository, Settings, Events and Notifications, Create Notification",
            vec![
                ("When this event occurs", owned("Push to Repository")),
                ("Then issue a notification", owned("Webhook POST")),
                ("Webhook URL", in_path),
            ],
            Some("Quay signs nothing: the secret is in the URL"),
        ),
        Sender::GitHub => (
            "github.com: the repository or the organization, Settings, Webhooks, Add webhook",
            vec![
                ("Payload URL", plain),
                ("Content type", owned("application/json")),
                ("Secret", owned(secret)),
                ("Which events", owned("Let me select individual events: Packages, Registry packages; not Pushes")),
            ],
            Some("the package must be connected to the repository; else set the webhook up for the organization"),
        ),
        Sender::Gitea | Sender::Forgejo => forge(plain, secret),
        Sender::GitLab | Sender::Distribution => registry(sender, &plain, secret),
        Sender::Harbor => (
            "Harbor: the project, Webhooks, New Webhook",
            vec![
                ("Notify Type", owned("http")),
                ("Payload Format", owned("Default")),
                ("Event Type", owned("Artifact pushed")),
                ("Endpoint URL", plain),
                ("Auth Header", owned(secret)),
            ],
            None,
        ),
        Sender::Amazon | Sender::Azure | Sender::Google => cloud(sender, plain, &in_path, secret),
        Sender::JFrog => (
            "Artifactory: Administration, General, Webhooks, New Webhook",
            vec![("URL", plain), ("Events", owned("Docker: Docker tag was pushed")), ("Secret token", owned(secret))],
            None,
        ),
        Sender::Aliyun => (
            "Aliyun: the repository, Triggers, Create",
            vec![("Trigger URL", target.with_token(secret)), ("Trigger", owned("All"))],
            None,
        ),
        Sender::Generic | Sender::Unknown => (
            "a script, after its push",
            vec![("Command", script(&plain, secret))],
            Some("a secret on a command line can be read by others on that machine; in CI keep it in a variable"),
        ),
    };
    Form { place, fields, note }
}

type Filled = (&'static str, Vec<(&'static str, String)>, Option<&'static str>);

fn forge(url: String, secret: &str) -> Filled {
    let fields = vec![
        ("Target URL", url),
        ("HTTP Method", "POST".to_owned()),
        ("POST Content Type", "application/json".to_owned()),
        ("Secret", secret.to_owned()),
        ("Trigger On", "Custom Events…: Package".to_owned()),
    ];
    let place = "the owner of the package (a user or an organization), or the repository that it is linked to: Settings, Webhooks, Add Webhook";
    (place, fields, None)
}

/// The registry called distribution, alone or within GitLab.
fn registry(sender: Sender, url: &str, secret: &str) -> Filled {
    if sender == Sender::GitLab {
        let lines = format!(
            "registry['notifications'] = [{{\n  'name' => 'galley', 'url' => '{url}',\n  \
             'headers' => {{ 'Authorization' => ['Bearer {secret}'] }},\n  \
             'timeout' => '2s', 'threshold' => 5, 'backoff' => '10s'\n}}]"
        );
        let note = "gitlab.com sends none for its registry: let the job that pushes run what --sender generic prints";
        return ("/etc/gitlab/gitlab.rb, then gitlab-ctl reconfigure", vec![("Lines", lines)], Some(note));
    }
    let lines = format!(
        "notifications:\n  endpoints:\n    - name: galley\n      url: {url}\n      headers:\n        \
         Authorization: [\"Bearer {secret}\"]\n      timeout: 2s\n      threshold: 5\n      backoff: 10s\n      \
         ignore:\n        actions: [pull]"
    );
    ("the registry's config.yml", vec![("Lines", lines)], None)
}

fn cloud(sender: Sender, plain: String, in_path: &str, secret: &str) -> Filled {
    let owned = str::to_owned;
    match sender {
        Sender::Amazon => (
            "Amazon EventBridge: a connection, an API destination, and a rule that leads there",
            vec![
                ("Authorization type", owned("API Key")),
                ("API key name", owned("X-Api-Key")),
                ("Value", owned(secret)),
                ("API destination endpoint", plain),
                ("HTTP method", owned("POST")),
                (
                    "Event pattern",
                    owned(
                        r#"{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"]}}"#,
                    ),
                ),
            ],
            None,
        ),
        Sender::Azure => (
            "Azure: the registry, Services, Webhooks, Add",
            vec![
                ("Service URI", plain),
                ("Custom headers", format!("Authorization: Bearer {secret}")),
                ("Actions", owned("push")),
            ],
            None,
        ),
        _ => (
            "Google Cloud: the topic gcr, to which Artifact Registry publishes, and a push subscription to it",
            vec![(
                "Commands",
                format!(
                    "gcloud pubsub topics create gcr\ngcloud pubsub subscriptions create galley --topic=gcr --push-endpoint='{in_path}'"
                ),
            )],
            Some("the secret is in the URL; a token of OpenID Connect beside it is not looked at"),
        ),
    }
}

fn script(url: &str, secret: &str) -> String {
    format!(
        "body='{{\"image\":\"registry.example/blog:latest\"}}'\n\
         sum=$(printf %s \"$body\" | openssl dgst -sha256 -hmac '{secret}' -r | cut -d' ' -f1)\n\
         curl --fail -d \"$body\" -H \"X-Galley-Signature-256: sha256=$sum\" {url}"
    )
}
