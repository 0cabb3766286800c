// The palette that the reader chose, before anything is painted: it is loaded in the head and waited for.
{
  const root = document.documentElement;
  const show = (scheme) => {
    root.dataset.theme = scheme;
    for (const meta of document.querySelectorAll('meta[name=theme-color]')) {
      const own = meta.dataset.scheme;
      meta.media = scheme === 'auto' ? `(prefers-color-scheme: ${own})` : scheme === own ? 'all' : 'not all';
    }
  };
  let chosen = 'auto';
  try {
    chosen = localStorage.getItem('theme') ?? chosen;
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  show(chosen);
  document.addEventListener('DOMContentLoaded', () => {
    for (const input of document.querySelectorAll('[name=scheme]')) {
      input.checked = input.value === chosen;
      input.onchange = () => {
        show(input.value);
        try {
          localStorage.setItem('theme', input.value);
        } catch {
          // As above.
        }
      };
    }
  });
}
