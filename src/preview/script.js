// The preview's part in the browser: hears of changes and changes the page, swaps its style sheets, or shows what is wrong.
(() => {
  const own = document.currentScript;
  const { path, version, run, policy } = own.dataset;
  const place = "galley preview " + path;
  // A page that stands for a site that was never good has no version.
  const isGood = !/^0*$/.test(version);
  // Of its HTML, of files that it shows, and of style sheets, 32 digits each.
  const partOf = (version, number) => version.slice(32 * number, 32 * number + 32);
  let current = version, stream, overlay;

  // A reload keeps the place: browsers do so by themselves unless the page has become shorter on the way or says otherwise.
  const kept = sessionStorage.getItem(place);
  if (kept) {
    sessionStorage.removeItem(place);
    const [x, y] = kept.split(" ").map(Number);
    const back = () => scrollTo({ left: x, top: y, behavior: "instant" });
    back();
    addEventListener("load", back, { once: true });
  }

  const reload = () => {
    sessionStorage.setItem(place, scrollX + " " + scrollY);
    location.reload();
  };

  // `/style.0123456789abcdef.css?x` and `/style.css` are the same sheet.
  const bare = (url) => new URL(url, location.href).pathname.replace(/\.[0-9a-f]{16}(?=\.css$)/, "");

  const sheetsOf = (page) => [...page.querySelectorAll("link[rel~=stylesheet]")];
  const scriptsOf = (page) => [...page.scripts].filter((script) => script.type !== "application/ld+json" && script.dataset.run !== run);
  const read = (text) => new DOMParser().parseFromString(text, "text/html");
  const outers = (nodes) => nodes.map((node) => node.outerHTML).join();

  // Whether the page can go from one source to another in place. Scripts have run and won't run again: each has to say by
  // `data-preview`, a selector, what it works on. Base and the like say how a page is to be read.
  const fits = (old, fresh) => {
    const [olds, news] = [old, fresh].map(sheetsOf);
    const scripts = scriptsOf(old);
    // Its hash may be another one: then the sheet is swapped, and the page is not told of it here.
    const sheet = (link) => {
      const [made, url] = [link.cloneNode(), new URL(link.href, location.href)];
      made.removeAttribute("integrity");
      made.setAttribute("href", url.origin === location.origin ? bare(link.href) + url.search : url.href);
      return made.outerHTML;
    };
    const [root, other] = [old, fresh].map((page) => page.documentElement.cloneNode());
    const says = (page) => page.querySelector("base, noscript, meta[http-equiv], template[shadowrootmode]");
    return root.isEqualNode(other) && old.compatMode === fresh.compatMode && ![old, fresh].some(says) &&
      scripts.every((script) => script.dataset.preview !== undefined) && outers(scripts) === outers(scriptsOf(fresh)) &&
      olds.length === news.length && olds.every((link, number) => sheet(link) === sheet(news[number]));
  };

  // Does to `live` what makes `fresh` of `old`. What is the same in both is left alone, whatever has become of it: films go on,
  // and what was typed stays.
  const become = (live, old, fresh, works) => {
    // What a script works on, or has changed, only a new page has right.
    const check = (free) => {
      if (!free) throw new Error("not in place");
    };
    const isFree = (node) => !works || !(node.parentElement?.closest(works) || node.matches?.(works) || node.querySelector?.(works));
    const changed = [...old.attributes, ...fresh.attributes].filter(({ name }) => old.getAttribute(name) !== fresh.getAttribute(name));
    check(!changed.length || !works || !(old.closest(works) || fresh.closest(works)));
    // A film that has begun does not look at its sources again.
    check(!changed.length || !fresh.matches("source, track"));
    for (const { name } of changed) {
      if (fresh.hasAttribute(name)) live.setAttribute(name, fresh.getAttribute(name));
      else live.removeAttribute(name);
    }
    const [lives, olds, news] = [live, old, fresh].map((node) => [...node.childNodes]);
    if (olds.length === news.length && olds.every((node, number) => node.isEqualNode(news[number]))) return;
    check(!fresh.closest("video, audio"));
    check(lives.length === olds.length && lives.every((node, number) => node.nodeName === olds[number].nodeName));
    const same = (at) => olds.length && news.length && olds.at(at).isEqualNode(news.at(at));
    let end = null;
    while (same(0)) [lives, olds, news].forEach((nodes) => nodes.shift());
    while (same(-1)) (end = lives.pop()), olds.pop(), news.pop();
    for (let number = 0; number < Math.max(olds.length, news.length); number++) {
      const [left, was, now] = [lives[number], olds[number], news[number]];
      if (was && now && was.isEqualNode(now)) continue;
      if (was?.nodeType === Node.ELEMENT_NODE && was.nodeName === now?.nodeName) {
        become(left, was, now, works);
        continue;
      }
      check([was, now].every((node) => !node || isFree(node)));
      if (now) live.insertBefore(now, left ?? end);
      left?.remove();
    }
  };

  // What the page was made of: what scripts and readers have done since is not in it.
  let source, changes = 0;
  const load = async () => {
    const answer = await fetch(location.href);
    return answer.redirected ? "" : answer.text();
  };
  load().then((text) => {
    if (!changes && read(text).querySelector("script[data-run]")?.dataset.version === version) source = text;
  }).catch(() => {});

  const change = async () => {
    const turn = ++changes;
    const text = await load().catch(() => undefined);
    // A later one is on its way.
    if (turn !== changes) return;
    if (text === undefined) {
      // The line was cut, or the preview has ended: the next stream tells it again.
      disconnect();
      setTimeout(connect, 500);
      return;
    }
    try {
      const [old, fresh] = [source, text].map(read);
      const its = fresh.querySelector("script[data-run]").dataset;
      const isOnlyHtml = [1, 2].every((part) => partOf(its.version, part) === partOf(current, part));
      if (!source || its.path !== path || its.run !== run || its.policy !== policy || !isOnlyHtml || !fits(old, fresh)) return reload();
      // A sheet that was swapped has another address, and is the same.
      const sheets = sheetsOf(old);
      sheetsOf(fresh).forEach((sheet, number) => sheet.replaceWith(sheets[number].cloneNode()));
      const works = scriptsOf(old).map((script) => script.dataset.preview).filter(Boolean).join();
      // What lies over the page is in neither of the two.
      for (const part of ["head", "body"]) become(document[part], old[part], fresh[part], works);
      [source, current] = [text, its.version];
    } catch {
      // It can't be put in place; also where a policy for trusted types forbids to read a page.
      reload();
    }
  };

  const swap = ({ version, sheets }) => {
    // HTML that was told of before may still be on its way.
    current = partOf(current, 0) + partOf(current, 1) + partOf(version, 2);
    for (const old of document.querySelectorAll("link[rel~=stylesheet]")) {
      if (new URL(old.href).origin !== location.origin || old.dataset.leaving) continue;
      const url = new URL(sheets.find((sheet) => bare(sheet) === bare(old.href)) ?? old.href, location.href);
      url.searchParams.set("galley", version);
      const fresh = old.cloneNode();
      fresh.removeAttribute("integrity");
      fresh.href = url;
      // The old one stays until the new one is there, so that the page is never without.
      old.dataset.leaving = "";
      fresh.onload = fresh.onerror = () => old.remove();
      old.after(fresh);
    }
  };

  const element = (name, text, ...inner) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...inner);
    return made;
  };

  const show = (problems) => {
    overlay?.remove();
    overlay = undefined;
    if (!problems.length) return;
    overlay = element("galley-preview");
    const root = overlay.attachShadow({ mode: "open" });
    // A constructed sheet: no policy for styles forbids it.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const title = problems.length === 1 ? "1 error in the site" : problems.length + " errors in the site";
    const dismiss = element("button", "Hide");
    dismiss.type = "button";
    dismiss.addEventListener("click", () => overlay?.remove());
    const items = problems.map(({ place, message, line, number, before }) => {
      const item = element("li", "", element("code", place), element("p", message));
      if (line) {
        const mark = element("span", " ".repeat([...(number + "  ")].length) + [...line].slice(0, before).map((c) => c === "\t" ? c : " ").join("") + "^");
        mark.className = "mark";
        mark.ariaHidden = "true";
        const source = element("pre", "", element("span", number + "  "), line + "\n", mark);
        source.firstChild.className = "number";
        source.tabIndex = 0;
        item.append(source);
      }
      return item;
    });
    // No header and footer: beside the page's own they would be second ones.
    const head = element("div", "", element("h1", title), dismiss);
    head.className = "head";
    const foot = element("div", isGood ? "The last good page stays below. This goes away when it is mended." : "The page comes when it is mended.");
    foot.className = "foot";
    const box = element("section", "", head, element("ol", "", ...items), foot);
    box.setAttribute("role", "alert");
    root.append(box);
    document.documentElement.append(overlay);
  };

  const css = `
    :host { all: initial; color-scheme: inherit; position: fixed; inset: 0; z-index: 2147483647; display: grid;
      grid-template-columns: minmax(0, 52rem); align-items: start; justify-content: center; padding: clamp(.5rem, 4vw, 3rem); overflow: auto; overscroll-behavior: contain;
      background: color-mix(in srgb, var(--paper, light-dark(#fbf9f4, #181715)) 60%, transparent); box-sizing: border-box; }
    * { box-sizing: border-box; }
    section { background: var(--paper, light-dark(#fbf9f4, #181715));
      color: var(--ink, light-dark(#211d18, #e7e0d3)); border: 1px solid var(--edge, #857b6b);
      border-top: .3rem solid var(--red, light-dark(#9c2415, #f2998a)); padding: 1rem 1.25rem;
      font: 16px/1.5 var(--small, system-ui, sans-serif); box-shadow: 0 .5rem 2rem rgb(0 0 0 / .25); }
    .head { display: flex; gap: 1rem; align-items: baseline; justify-content: space-between; }
    h1 { margin: 0; font-size: 1.15rem; color: var(--red, light-dark(#9c2415, #f2998a)); }
    button { font: inherit; color: inherit; background: none; border: 1px solid var(--edge, #857b6b); padding: .15rem .7rem;
      min-height: 2rem; cursor: pointer; }
    :focus-visible { outline: 2px solid var(--accent, currentColor); outline-offset: 2px; }
    ol { list-style: none; margin: 0; padding: 0; }
    li { margin: 1rem 0; }
    code, pre { font-family: var(--code, ui-monospace, monospace); }
    code { font-size: .95em; font-weight: 600; overflow-wrap: anywhere; }
    p { margin: .25rem 0 .5rem; overflow-wrap: anywhere; }
    pre { margin: 0; padding: .5rem .8rem .2rem; overflow-x: auto; font-size: .9em; tab-size: 4;
      background: var(--box, light-dark(#f3efe6, #22201d)); }
    .number { color: var(--soft, light-dark(#5a5247, #b0a695)); user-select: none; }
    .mark { color: var(--red, light-dark(#9c2415, #f2998a)); font-weight: 700; user-select: none; }
    .foot { color: var(--soft, light-dark(#5a5247, #b0a695)); font-size: .9em; }
    @media print { :host { display: none; } }`;

  const connect = () => {
    if (stream || document.hidden) return;
    stream = new EventSource("/_galley/preview/events?path=" + path + "&version=" + current + "&run=" + run);
    stream.addEventListener("reload", reload);
    stream.addEventListener("html", change);
    stream.addEventListener("styles", (event) => swap(JSON.parse(event.data)));
    stream.addEventListener("problems", (event) => show(JSON.parse(event.data)));
    // What was wrong may be mended meanwhile: a new stream begins with all that is wrong now.
    stream.onopen = () => show([]);
    stream.onerror = () => {
      // The browser tries again by itself, but with the version that it began with, and each time later.
      stream?.close();
      stream = undefined;
      setTimeout(connect, 500);
    };
  };
  const disconnect = () => {
    stream?.close();
    stream = undefined;
  };

  // Browsers have six connections for one site: pages that nobody sees need none.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
})();
