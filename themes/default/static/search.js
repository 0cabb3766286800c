// Search in the index that galley makes with the site. It needs on the page:
//   <form role="search" action="/search/"><input name="q" type="search"></form>
//   <output id="search-results" data-index="/search/"></output> <ol class="summaries"></ol>
const output = document.getElementById('search-results');
const list = output.nextElementSibling;
let loaded = {};
let latest = 0; // the number of the last search: older ones give up
let timer;

// Text is folded and split as in the index: words of up to 24 letters, scripts without spaces in pairs of letters.
const SPACELESS = /([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u9fff\u{20000}-\u{3ffff}]+)/u;
const split = (text) => {
  const folded = text.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase().toLowerCase().replace(/ς/g, 'σ');
  const runs = folded.match(/[\p{Alphabetic}\p{N}]+/gu) ?? [];
  return runs.flatMap((word) => word.split(SPACELESS)).filter(Boolean).flatMap((word) => {
    const letters = [...word];
    return SPACELESS.test(word) && letters[1]
      ? letters.slice(1).map((letter, at) => letters[at] + letter)
      : letters.slice(0, 24).join('');
  });
};

const load = (name) => loaded[name] ??= fetch(`${output.dataset.index ?? '/search/'}${name}.json`)
  .then((response) => response.ok ? response.json() : Promise.reject());

// The documents of a shard that have all terms. `far` counts one for a term among the tags, two for one only in the text.
const find = (shard, terms, number) => {
  let word = '';
  shard.numbers ??= shard.in.split(' ').map((digits) => (digits.match(/../g) ?? []).map(Number));
  shard.list ??= shard.words.split(' ').map((rest) => word = word.slice(0, parseInt(rest[0], 36)) + rest.slice(1));
  const found = terms.map((term) => new Set(shard.numbers.filter((_, at) => shard.list[at].startsWith(term)).flat()));
  return shard.documents.filter((document, at) => {
    if (!found.every((numbers) => numbers.has(at))) return false;
    document.places ??= [document.title, `${document.tags ?? ''}`].map((text) => ` ${split(text).join(' ')}`);
    const far = (term) => (document.places.findIndex((words) => words.includes(` ${term}`)) + 3) % 3;
    document.far = terms.reduce((sum, term) => sum + far(term), 0);
    document.age = -100 * number - at;
    return true;
  });
};

const element = (name, content, properties) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
};

const item = ({ url, title, date, summary }) => element('li', [element('article', [
  date ? element('time', [date], { dateTime: date }) : '',
  element('h3', [element('a', [title], { href: url })]),
  element('p', [summary]),
])]);

// Nothing is moved when more is found: an item may have the focus.
const show = (hits) => {
  hits.slice(0, 100).forEach((hit, at) => {
    hit.item ??= item(hit);
    if (list.children[at] !== hit.item) list.insertBefore(hit.item, list.children[at]);
  });
  while (list.children.length > Math.min(hits.length, 100)) list.lastElementChild.remove();
};

const search = async (query) => {
  const own = ++latest;
  const words = split(query);
  // Single letters are not in the index; alone they find what begins with them.
  const long = words.filter((word) => word[1] || word >= '\u0e00');
  const terms = long.length ? long : words;
  let hits = [];
  try {
    let next = terms.length && (await load('index')).shards;
    const work = async () => {
      while (next > 0) {
        const number = --next;
        const shard = await load(number);
        if (own !== latest) return;
        hits = hits.concat(find(shard, terms, number)).sort((a, b) => a.far - b.far || a.age - b.age);
        show(hits);
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    if (own !== latest) return;
    show(hits);
    const count = hits.length > 1 ? `${hits.length} posts` : hits.length ? '1 post' : 'nothing found';
    output.value = terms.length ? `${count} for '${query}'` : '';
  } catch {
    loaded = {};
    if (own === latest) output.value = 'the search index cannot be read';
  }
};

for (const input of document.querySelectorAll('[role=search] [name=q]')) {
  input.value = new URLSearchParams(location.search).get('q');
  search(input.value.trim());
  input.form.onsubmit = (event) => event.preventDefault();
  input.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const query = input.value.trim();
      history.replaceState(null, '', `?q=${encodeURIComponent(query)}`);
      search(query);
    }, 150);
  };
}
