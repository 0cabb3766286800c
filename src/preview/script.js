// The preview's part in the browser: hears of changes and reloads the page, swaps its style sheets, or shows what is wrong.
(() => {
  const { path, version, run } = document.currentScript.dataset;
  const place = "galley preview " + path;
  // A page that stands for a site that was never good has no version.
  const isGood = !/^0*$/.test(version);
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

  const swap = ({ version, sheets }) => {
    current = version;
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
    const box = element("section", "", element("header", "", element("h1", title), dismiss), element("ol", "", ...items),
      element("footer", isGood ? "The last good page stays below. This goes away when it is mended." : "The page comes when it is mended."));
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
    header { display: flex; gap: 1rem; align-items: baseline; justify-content: space-between; }
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
    footer { color: var(--soft, light-dark(#5a5247, #b0a695)); font-size: .9em; }
    @media print { :host { display: none; } }`;

  const connect = () => {
    if (stream || document.hidden) return;
    stream = new EventSource("/_galley/preview/events?path=" + path + "&version=" + current + "&run=" + run);
    stream.addEventListener("reload", reload);
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
