/** The colours a person chose: a plain script in the head, so that no page flashes in the wrong ones. */

(() => {
  const themes = ["automatic", "light", "dark"];
  const root = document.documentElement;

  const recall = () => {
    try {
      return localStorage.getItem("theme") ?? "automatic";
    } catch {
      return "automatic";
    }
  };

  const remember = (/** @type {string} */ theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  };

  const wear = (/** @type {string} */ theme) => {
    root.dataset.theme = theme;
    const button = document.querySelector("[data-theme-switch]");
    button?.setAttribute("title", `Colours: ${theme}`);
    button?.setAttribute("aria-label", `Colours: ${theme}`);
  };

  wear(recall());
  document.addEventListener("DOMContentLoaded", () => {
    wear(recall());
    document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
      const next = themes[(themes.indexOf(recall()) + 1) % themes.length];
      remember(next);
      wear(next);
    });
  });
})();
