// A button on each code block that copies it. Line numbers are no text, so they stay behind.
if (navigator.clipboard) {
  for (const code of document.querySelectorAll('.highlight code')) {
    const button = document.createElement('button');
    const say = (text) => button.textContent = text;
    button.type = 'button';
    button.className = 'copy';
    button.ariaLive = 'polite';
    say('Copy');
    button.onclick = () => navigator.clipboard.writeText(code.textContent)
      .then(() => say('Copied'), () => say('Not copied'))
      .then(() => setTimeout(say, 2000, 'Copy'));
    code.closest('.highlight').append(button);
  }
}
