//! A build that remembers gives what a build that knows nothing gives, whatever was edited in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::render::files;
use crate::support::{Ran, galley};

/// Edits between builds, for each seed.
const STEPS: usize = 30;
const WORDS: [&str; 8] = ["harbour", "mast", "rope", "anchor", "tide", "keel", "sail", "deck"];

/// A small generator: the same seed gives the same edits on every machine (xorshift, G. Marsaglia).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| *self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Clone)]
struct Post {
    path: String,
    keys: BTreeMap<&'static str, String>,
    body: String,
}

impl Post {
    fn new(number: usize, random: &mut Random) -> Self {
        let folder = if number < 3 { "posts" } else { *random.pick(&["posts", "posts/more", "notes", ""]) };
        let mut keys = BTreeMap::from([("title", format!("\"Post {number}\""))]);
        if random.below(4) > 0 {
            keys.insert("date", date(random));
        }
        let slash = if folder.is_empty() { "" } else { "/" };
        let more = *random.pick(&[
            "![p](/pic.png)",
            "{{ include(path=\"content/posts/code.rs\") }}",
            "[x](/posts/p0.md) [y](/posts/p1.md) [z](/notes/p2.md)",
            "{% note() %}\n*n* ![p](/pic.png)\n{% end %}",
        ]);
        let body = format!("{}.\n\n{more}\n\n## {}\n", random.words(20), random.words(1));
        Self { path: format!("content/{folder}{slash}p{number}.md"), keys, body }
    }

    fn text(&self) -> String {
        let keys: String = self.keys.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        format!("---\n{keys}---\n{}", self.body)
    }
}

fn date(random: &mut Random) -> String {
    format!("202{}-0{}-1{} 10:0{}", random.below(5), 1 + random.below(9), random.below(10), random.below(10))
}

/// A site in memory, so that an edit can be undone and a copy made.
#[derive(Clone, Default)]
pub(crate) struct Model {
    posts: Vec<Post>,
    settings: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<String, Vec<u8>>,
    arguments: BTreeSet<&'static str>,
}

impl Model {
    pub(crate) fn start(random: &mut Random) -> Self {
        let mut model = Self { posts: (0..6).map(|number| Post::new(number, random)).collect(), ..Self::default() };
        model.put(
            "templates/shortcodes/note.html",
            "<aside>{{ body | safe }} {{ site | json }} {{ settings | json }}</aside>",
        );
        model.put("themes/own/theme.toml", "parent = \"default\"\n[settings.knot]\ntype = \"text\"\ndefault = \"a\"\n");
        model.put("content/posts/code.rs", "fn main() {}\n");
        model.put("data/boats.toml", "name = \"Ada\"\n");
        model.put("static/robots.txt", "own\n");
        model.files.insert("static/pic.png".to_owned(), png(900, 20, 1));
        model
    }

    fn put(&mut self, path: &str, text: impl Into<String>) {
        self.files.insert(path.to_owned(), text.into().into_bytes());
    }

    fn put_or_remove(&mut self, random: &mut Random, path: &str, text: impl Into<String>) {
        if random.below(3) == 0 { drop(self.files.remove(path)) } else { self.put(path, text) }
    }

    /// All files of the site.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        files.extend(self.posts.iter().map(|post| (post.path.clone(), post.text().into_bytes())));
        let settings: String = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        files.insert("galley.toml".to_owned(), format!("title = \"Test\"\n{settings}").into_bytes());
        files
    }

    pub(crate) fn edit(&mut self, random: &mut Random, step: usize) -> &'static str {
        match random.below(12) {
            0..=3 => self.edit_post(random),
            4 => self.edit_posts(random, step),
            5 => {
                self.edit_settings(random);
                "galley.toml"
            }
            6 => self.edit_template(random),
            7 => {
                let (width, seed) = (400 + 100 * random.below(14) as u32, random.below(200) as u8);
                match random.below(6) {
                    0 => drop(self.files.remove("static/pic.png")),
                    1 => self.put("static/pic.png", "no picture"),
                    _ => drop(self.files.insert("static/pic.png".to_owned(), png(width, 20, seed))),
                }
                "image"
            }
            8 => {
                let text = random.words(2);
                let path =
                    *random.pick(&["static/robots.txt", "static/a/b.txt", "static/icon.svg", "static/style.css"]);
                self.put_or_remove(random, path, text);
                "static"
            }
            9 => {
                let text = format!("name = \"{}\"\n", random.words(1));
                self.put_or_remove(random, "data/boats.toml", text);
                "data"
            }
            10 => {
                let text = format!("// {}\n", random.words(1));
                self.put_or_remove(random, "content/posts/code.rs", text);
                "included file"
            }
            _ => {
                let argument = *random.pick(&["--drafts", "--minify", "--base-url=https://other.example"]);
                if !self.arguments.remove(argument) {
                    self.arguments.insert(argument);
                }
                "arguments"
            }
        }
    }

    fn edit_post(&mut self, random: &mut Random) -> &'static str {
        let others: Vec<String> = self.posts.iter().map(|post| post.path["content/".len()..].to_owned()).collect();
        if others.is_empty() {
            return "no post";
        }
        let index = random.below(others.len());
        let post = &mut self.posts[index];
        let (key, value) = match random.below(15) {
            0 => ("title", format!("\"{}\"", random.words(2))),
            1 => ("date", date(random)),
            2 => ("tags", format!("[{}, {}]", random.words(1), random.words(1))),
            3 => ("draft", "true".to_owned()),
            4 => ("aliases", format!("[/old/{}/]", random.words(1))),
            5 => ("url", format!("/{}/", random.words(1))),
            6 => ("updated", date(random)),
            7 => ("series", random.words(1)),
            8 => ("weight", random.below(9).to_string()),
            9 => ("summary", random.words(3)),
            10 => ("authors", format!("[{}]", random.words(1))),
            11 => ("extra", format!("{{ a: {} }}", random.words(1))),
            _ => {
                let addition = match random.below(7) {
                    0 => format!("[x](/{})", random.pick(&others)),
                    1 => format!("[x](/{}#{})", random.pick(&others), random.words(1)),
                    2 => "{{ include(path=\"content/posts/code.rs\") }}".to_owned(),
                    3 => "{% note() %}*n*{% end %}".to_owned(),
                    4 => "![p](/pic.png)".to_owned(),
                    5 => format!("# {}", random.words(2)),
                    _ => random.words(5),
                };
                if random.below(4) == 0 {
                    post.body = addition;
                } else {
                    post.body = format!("{}\n{addition}\n", post.body);
                }
                return "body";
            }
        };
        if random.below(3) == 0 {
            drop(post.keys.remove(key));
        } else {
            drop(post.keys.insert(key, value));
        }
        key
    }

    fn edit_posts(&mut self, random: &mut Random, step: usize) -> &'static str {
        let index = random.below(self.posts.len().max(1));
        match random.below(4) {
            0 if index < self.posts.len() => {
                self.posts.remove(index);
                "post deleted"
            }
            1 if index < self.posts.len() => {
                self.posts[index].path = Post::new(100 + step, random).path;
                "post renamed"
            }
            2 => {
                let text = format!("---\ntitle: {}\n---\n{}\n", random.words(1), random.words(4));
                let path =
                    *random.pick(&["content/_index.md", "content/posts/_index.md", "content/posts/more/_index.md"]);
                self.put_or_remove(random, path, text);
                "section"
            }
            _ => {
                self.posts.push(Post::new(100 + step, random));
                "post added"
            }
        }
    }

    fn edit_settings(&mut self, random: &mut Random) {
        const SETTINGS: [(&str, &str); 20] = [
            ("base_url", "\"https://blog.example\""),
            ("description", "\"About boats\""),
            ("language", "\"de\""),
            ("timezone", "\"Europe/Berlin\""),
            ("author", "{ name = \"Ada\", email = \"ada@blog.example\" }"),
            ("theme", "\"own\""),
            ("menu", "[{ name = \"Posts\", url = \"/posts/\" }]"),
            ("edit_url", "\"https://git.example/{path}\""),
            ("minify", "true"),
            ("search", "false"),
            ("feeds", "{ full = false }"),
            ("feeds", "{ length = 2 }"),
            ("feeds", "{ each = false }"),
            ("markdown", "{ smart_punctuation = true, heading_anchors = false }"),
            ("highlight", "{ enabled = false }"),
            ("images", "{ widths = [100], quality = 50 }"),
            ("taxonomies", "{ tags = { paginate = 1, title = \"Marks\" }, authors = { feed = false } }"),
            ("sections", "{ posts = { paginate = 2, permalink = \"/:year/:slug/\" }, notes = { sort = \"title\" } }"),
            ("theme_settings", "{ accent = \"teal\" }"),
            ("extra", "{ a = 1 }"),
        ];
        let (key, value) = *random.pick(&SETTINGS);
        if random.below(3) == 0 {
            self.settings.remove(key);
        } else {
            self.settings.insert(key, value);
        }
    }

    fn edit_template(&mut self, random: &mut Random) -> &'static str {
        let word = random.words(1);
        let page = format!(
            "{{% extends \"base.html\" %}}{{% block main %}}{word} {{{{ page.title }}}} {{{{ content | safe }}}} \
             {{{{ page | json }}}} {{{{ data | json }}}} {{{{ asset(path=\"style.css\") }}}}{{% endblock main %}}"
        );
        let term = format!(
            "{word} {{{{ term.name }}}}{{% for page in pages %}} {{{{ page.title }}}}{{% endfor %}}{{{{ settings | json }}}}"
        );
        let (path, text) = match random.below(7) {
            0 => ("templates/page.html", page),
            1 => ("templates/term.html", term),
            2 => ("templates/shortcodes/note.html", format!("<b>{word} {{{{ body | safe }}}}</b>")),
            3 => (
                "templates/hooks/link.html",
                format!("<a class=\"{word}\" href=\"{{{{ url }}}}\">{{{{ content | safe }}}}</a>"),
            ),
            4 => ("themes/own/static/style.css", format!("/* {word} */ a {{ color: red }}\n")),
            5 => ("sass/boat.scss", format!("a {{ b {{ content: \"{word}\" }} }}\n")),
            _ => (
                "themes/own/theme.toml",
                format!(
                    "parent = \"default\"\nfingerprint = true\n[settings.knot]\ntype = \"text\"\ndefault = \"{word}\"\n"
                ),
            ),
        };
        self.put_or_remove(random, path, text);
        path
    }
}

fn png(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..width * height).map(|at| (at as u8).wrapping_mul(seed)).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// Brings the folder from one state of the site to another.
pub(crate) fn write(folder: &Path, before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        fs::remove_file(folder.join(path)).unwrap();
        // A copy of the site has no empty folders.
        let above = Path::new(path).ancestors().skip(1).take_while(|above| *above != Path::new(""));
        above.take_while(|above| fs::remove_dir(folder.join(above)).is_ok()).for_each(drop);
    }
    for (path, bytes) in after.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes)) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Builds with the site as the working folder, so that two folders give the same messages; without those that tell of time
/// and of what was there before.
fn build(folder: &Path, arguments: &BTreeSet<&str>) -> (i32, Vec<String>) {
    let ran = Ran::of(galley().args(["build", "."]).args(arguments).current_dir(folder));
    let telling = |line: &&str| !line.starts_with("rendered ") && !line.ends_with(" of them changed");
    (ran.code, ran.errors.lines().filter(telling).map(str::to_owned).collect())
}

#[track_caller]
fn assert_same(warm: &BTreeMap<String, Vec<u8>>, cold: &BTreeMap<String, Vec<u8>>, when: &str) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(warm), names(cold), "{when}");
    for (name, bytes) in warm {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (warm, cold) = (text(bytes), text(&cold[name]));
        assert!(warm == cold, "{when}: {name}\n--- with memory\n{warm}\n--- without\n{cold}");
    }
}

fn edits_never_show_what_is_no_longer_so(seed: u64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0x1000_0001));
    let place = tempfile::tempdir().unwrap();
    let site = place.path().join("site");
    fs::create_dir(&site).unwrap();
    let mut states = vec![Model::start(&mut random)];
    let mut on_disk = BTreeMap::new();
    let mut edits = Vec::new();
    let mut good = BTreeMap::new();
    for step in 0..STEPS {
        let model = states.last().unwrap();
        let all = model.all();
        write(&site, &on_disk, &all);
        on_disk = all;
        let cold = place.path().join(format!("cold-{step}"));
        write(&cold, &BTreeMap::new(), &on_disk);
        let (with, without) = (build(&site, &model.arguments), build(&cold, &model.arguments));
        let when = format!("seed {seed}, after {edits:?}");
        assert_eq!(with, without, "{when}");
        if with.0 == 0 {
            good = files(&cold.join("public"));
        }
        assert_same(&files(&site.join("public")), &good, &when);
        let others =
            files(&site).into_keys().filter(|path| !path.starts_with("public/") && !path.starts_with(".galley/cache/"));
        assert_eq!(others.collect::<Vec<_>>(), on_disk.keys().cloned().collect::<Vec<_>>(), "{when}");
        fs::remove_dir_all(&cold).unwrap();
        // A site that can't be built is mended by taking the last edit back.
        if with.0 != 0 && states.len() > 1 || states.len() > 2 && random.below(6) == 0 {
            states.pop();
            edits.push("all that undone");
        } else {
            let mut next = states.last().unwrap().clone();
            for _ in 0..=random.below(3) {
                edits.push(next.edit(&mut random, step));
            }
            states.push(next);
        }
    }
}

#[test]
fn a_build_with_memory_is_a_build_without() {
    // More of them by hand: GALLEY_TEST_SEEDS=10..50.
    let seeds = std::env::var("GALLEY_TEST_SEEDS").unwrap_or_else(|_| "1..4".to_owned());
    let (from, to) = seeds.split_once("..").unwrap();
    (from.parse().unwrap()..to.parse().unwrap()).for_each(edits_never_show_what_is_no_longer_so);
}
