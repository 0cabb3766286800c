#!/usr/bin/env python3
"""Writes a blog of POSTS made-up posts into FOLDER: the same posts for each generator and on each machine.

A post has about 700 words, two or three code blocks in six languages (no two blocks alike), headings, lists, tables,
quotes, links and one to four tags. For Hugo there are templates too, which do what galley's own theme does: summaries in
lists, lists of 20 a page, contents, neighbours, whole posts in the feeds of the blog, its section and each tag.

usage: benches/gen_blog.py POSTS FOLDER [--for galley|hugo] [--words WORDS] [--seed SEED]
"""
import argparse, datetime, pathlib, random

SMALL = """a an the of to in on at by for from with without under over after before between and or but so yet as if when
where while once still even never always often only just then there here not no every each some any this that""".split()
LARGE = """anchor answer archive autumn backup balcony battery bicycle binary border bottle branch bridge bucket buffer
cable camera candle canvas carrot change cheese circle client clock cloud coffee column copper corner cursor deadline
device dinner driver engine error evening factor feather filter finger folder forest future garden gateway glass graph
hammer handle harbour header history index island journal kernel kettle keyboard ladder layer lemon letter library
lock machine margin market memory message method mirror model morning motor mountain needle network notebook number
object office orange packet paper parser pattern pencil people picture pipe planet pocket policy printer process
promise queue radio random reader record release request river router runner sample screen script season sensor
server shadow signal silver socket source spring station stream string summer switch system table target thread ticket
timer token tower train travel trigger tunnel update valley value vector version village visit voice wagon water
weather window winter wire worker writer breaks brings builds calls carries catches counts draws drops feeds finds
follows gives holds keeps leaves lifts loses makes meets moves needs opens paints picks pulls pushes reads repairs
returns runs sees sends shows sleeps sorts starts stops takes teaches tells turns wakes warms writes""".split()
TAGS = """astronomy baking birds ci containers cooking cycling databases electronics embedded ergonomics films gardening
go history keyboards linux maps networks photography python radio rust security sewing statistics trains typography
weather writing""".split()
# In each copy of a block, the capital letters become other names and numbers.
CODE = {
    "rust": """/// How often each AA occurs, the shortest CC left out.
pub fn count_AA<'a>(BB: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut seen = BTreeMap::new();
    for AA in BB.filter(|it| it.len() > NN) {
        *seen.entry(AA).or_insert(0) += 1; // NN at least
    }
    println!("{} of {:>NN}", seen.len(), "CC");
    seen
}
""",
    "python": """class AA(BB):
    \"\"\"Keeps the last NN of what CC sends.\"\"\"

    def __init__(self, *, size: int = NN):
        self.AA = deque(maxlen=size)

    def add(self, CC, weight=0.NN):
        if CC is None or weight < NN:  # nothing to keep
            raise ValueError(f"no CC: {CC!r}")
        self.AA.append((CC, [weight * n for n in range(NN)]))
""",
    "dockerfile": """FROM debian:NN-slim AS AA
ARG BB=NN
RUN apt-get update && apt-get install -y --no-install-recommends BB=$BB \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=AA /usr/share/CC /CC
ENV CC_PORT=NNNN
EXPOSE NNNN
ENTRYPOINT ["/CC", "--AA"]
""",
    "bash": """#!/usr/bin/env bash
# Moves what AA left to BB.
AA=${1:-NN}
while read -r BB _; do
  case "$BB" in
    CC*) printf '%s\\n' "${BB%NN}" >>"$AA.log" ;;
    *) ((AA += NN)) || exit NN ;;
  esac
done < <(sort -u /tmp/CC)
""",
    "json": """{
  "AA": {"BB": [NN, NN, -NN.NN], "CC": null},
  "version": "NN.NN.NN",
  "enabled": true,
  "files": ["BB/*.md", "CC/NN.txt"]
}
""",
    "yaml": """# AA, every NN minutes
AA:
  schedule: "*/NN * * * *"
  steps:
    - name: BB the CC
      run: make BB-CC
      timeout: NN
    - {name: CC, needs: [AA, BB], retry: false}
""",
}
START = datetime.datetime(2009, 6, 1, 8, 15, tzinfo=datetime.timezone.utc)
SPAN = datetime.timedelta(days=14 * 365)


def words(r, count):
    return [r.choice(LARGE if i % 5 in (1, 2, 4) else SMALL) for i in range(count)]


def plain(r, count):
    return " ".join(words(r, count)).capitalize()


def sentence(r):
    """Four in ten have something set off in them."""
    said = words(r, r.randint(7, 18))
    place, kind = r.randrange(1, len(said)), r.randrange(20)
    if kind < 2:
        said[place] = f"*{said[place]}*"
    elif kind < 4:
        said[place] = f"**{said[place]}**"
    elif kind < 6:
        said[place] = f"`{said[place]}.{r.choice(LARGE)}`"
    elif kind < 8:
        said[place] = f"[{said[place]}](https://{r.choice(LARGE)}.example/{r.choice(LARGE)}/{r.randint(1, 999)}/)"
    return " ".join(said).capitalize() + "."


def fence(r, language):
    def copy():
        text = CODE[language]
        for letters in ("AA", "BB", "CC"):
            text = text.replace(letters, f"{r.choice(LARGE)}_{r.choice(LARGE)}")
        while "NN" in text:
            text = text.replace("NN", str(r.randint(1, 99)), 1)
        return text

    return f"```{language}\n" + "\n".join(copy() for _ in range(r.randint(1, 3))) + "```"


def table(r):
    rows = [f"| {r.choice(LARGE)} | {r.randint(1, 9)} | {r.randint(1, 999) / 10} |" for _ in range(4)]
    return "\n".join(["| what | how many | how long |", "|---|--:|--:|", *rows])


def block(r):
    kind = r.randrange(100)
    if kind < 12:
        return "## " + plain(r, r.randint(3, 6))
    if kind < 20:
        return "### " + plain(r, r.randint(3, 6))
    if kind < 33:
        return fence(r, r.choice(list(CODE)))
    if kind < 41:
        return "\n".join(f"- {sentence(r)}" for _ in range(r.randint(3, 6)))
    if kind < 45:
        return table(r)
    if kind < 49:
        return f"> {sentence(r)}"
    return " ".join(sentence(r) for _ in range(r.randint(2, 6)))


def post(number, posts, length=700, seed=1):
    """The file of one of so many posts; `number` may be `posts`, for one that is newer than all."""
    r = random.Random(f"{seed}/{number}")
    date = START + SPAN / max(posts, 1) * number
    tags = ", ".join(r.sample(TAGS, r.randint(1, 4)))
    head = f'---\ntitle: "{plain(r, r.randint(3, 7))} {number}"\ndate: {date:%Y-%m-%dT%H:%M:%SZ}\ntags: [{tags}]\n---\n'
    blocks, count = [plain(r, 20) + "."], 20
    while count < length:
        blocks.append(block(r))
        # A line of code is read as one thing, so its words count for less.
        count += len(blocks[-1].split()) // (2 if blocks[-1].startswith("```") else 1)
    return head + "\n" + "\n\n".join(blocks) + "\n"


def name(number):
    return f"content/posts/post-{number:06}.md"


GALLEY = {
    # All else is galley's default. Hugo has no search of its own, so that it could do the same.
    "galley.toml": 'title = "Bench"\nbase_url = "https://blog.example"\nsearch = false\n',
}
# Without an order given, Hugo's lists are newest first.
HUGO = {
    "hugo.toml": """baseURL = "https://blog.example/"
title = "Bench"
enableRobotsTXT = true
summaryLength = 15
[taxonomies]
tag = "tags"
[pagination]
pagerSize = 20
disableAliases = true
[services.rss]
limit = 20
[outputs]
taxonomy = ["html"]
[markup.highlight]
noClasses = false
[markup.goldmark.renderer]
unsafe = true
[markup.goldmark.extensions]
linkify = false
[markup.goldmark.extensions.typographer]
disable = true
""",
    "layouts/baseof.html": """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ if not .IsHome }}{{ .Title }} · {{ end }}{{ site.Title }}</title>
{{ if .IsPage }}{{ $summary := .Summary | plainify | truncate 280 }}<meta name="description" content="{{ $summary }}">
<meta property="og:description" content="{{ $summary }}">
<meta property="article:published_time" content="{{ .Date.Format "2006-01-02T15:04:05Z07:00" }}">
{{ end }}<link rel="canonical" href="{{ .Permalink }}">
<meta property="og:title" content="{{ .Title }}">
<meta property="og:url" content="{{ .Permalink }}">
<link rel="alternate" type="application/rss+xml" href="/index.xml">
</head>
<body>
<header><a href="/">{{ site.Title }}</a></header>
<main>
{{ block "main" . }}{{ end }}
</main>
<footer><a href="/tags/">Tags</a></footer>
</body>
</html>
""",
    "layouts/_partials/list.html": """<ol>
{{ range . }}<li><time datetime="{{ .Date.Format "2006-01-02T15:04:05Z07:00" }}">{{ .Date.Format "2 January 2006" }}</time>
<h3><a href="{{ .RelPermalink }}">{{ .Title }}</a></h3>
<p>{{ .Summary | plainify | truncate 280 }}</p></li>
{{ end }}</ol>
""",
    "layouts/_partials/pager.html": """{{ with .Prev }}<a href="{{ .URL }}">Newer</a>{{ end }}
{{ with .Next }}<a href="{{ .URL }}">Older</a>{{ end }}
""",
    "layouts/home.html": """{{ define "main" }}<h1>{{ site.Title }}</h1>
{{ partial "list.html" (first 20 site.RegularPages) }}{{ end }}
""",
    "layouts/section.html": """{{ define "main" }}<h1>{{ .Title }}</h1>
{{ $pager := .Paginate .Pages }}<ol>
{{ range $pager.Pages }}<li><a href="{{ .RelPermalink }}">{{ .Title }}</a>
<time>{{ .Date.Format "2 January 2006" }}</time></li>
{{ end }}</ol>
{{ partial "pager.html" $pager }}{{ end }}
""",
    "layouts/taxonomy.html": """{{ define "main" }}<h1>{{ .Title }}</h1>
<ul>
{{ range .Data.Terms.Alphabetical }}<li><a href="{{ .Page.RelPermalink }}">{{ .Page.Title }}</a> {{ .Count }}</li>
{{ end }}</ul>{{ end }}
""",
    "layouts/term.html": """{{ define "main" }}<h1>{{ .Title }}</h1>
{{ $pager := .Paginate .Pages }}{{ partial "list.html" $pager.Pages }}
{{ partial "pager.html" $pager }}{{ end }}
""",
    "layouts/page.html": """{{ define "main" }}<article>
<h1>{{ .Title }}</h1>
<time datetime="{{ .Date.Format "2006-01-02T15:04:05Z07:00" }}">{{ .Date.Format "2 January 2006" }}</time>
<p>{{ .ReadingTime }} min read</p>
{{ .TableOfContents }}
{{ .Content }}
<ul>
{{ range .GetTerms "tags" }}<li><a href="{{ .RelPermalink }}">{{ .LinkTitle }}</a></li>
{{ end }}</ul>
{{ with .PrevInSection }}<a rel="prev" href="{{ .RelPermalink }}">{{ .Title }}</a>{{ end }}
{{ with .NextInSection }}<a rel="next" href="{{ .RelPermalink }}">{{ .Title }}</a>{{ end }}
</article>{{ end }}
""",
    "layouts/404.html": """{{ define "main" }}<h1>Nothing is here</h1>
{{ partial "list.html" (first 20 site.RegularPages) }}{{ end }}
""",
    "layouts/rss.xml": """{{ $pages := .Pages }}{{ if .IsHome }}{{ $pages = site.RegularPages }}{{ end -}}
{{ `<?xml version="1.0" encoding="utf-8"?>` | safeHTML }}
<rss version="2.0"><channel><title>{{ .Title }}</title><link>{{ .Permalink }}</link>
{{ range first 20 $pages }}<item><title>{{ .Title }}</title><link>{{ .Permalink }}</link>
<pubDate>{{ .Date.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</pubDate><guid>{{ .Permalink }}</guid>
<description>{{ .Content | transform.XMLEscape | safeHTML }}</description></item>
{{ end }}</channel></rss>
""",
}


def write(folder, posts, tool="galley", length=700, seed=1):
    (folder / "content/posts").mkdir(parents=True, exist_ok=True)
    for path, text in (HUGO if tool == "hugo" else GALLEY).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for number in range(posts):
        (folder / name(number)).write_text(post(number, posts, length, seed), encoding="utf-8")


def main():
    usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usage.add_argument("posts", type=int)
    usage.add_argument("folder", type=pathlib.Path)
    usage.add_argument("--for", dest="tool", choices=["galley", "hugo"], default="galley")
    usage.add_argument("--words", type=int, default=700)
    usage.add_argument("--seed", type=int, default=1)
    given = usage.parse_args()
    write(given.folder, given.posts, given.tool, given.words, given.seed)


if __name__ == "__main__":
    main()
