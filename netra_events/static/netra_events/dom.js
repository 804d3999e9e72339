/**
 * Makes an element. Children that are text become text nodes, so nothing that arrives is ever read as HTML.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | undefined>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * The page's element with this hook.
 *
 * @param {string} hook a data-* attribute's name
 * @returns {any}
 */
export function hooked(hook) {
  const element = document.querySelector(`[data-${hook}]`);
  if (!element) throw new Error(`The page has no [data-${hook}].`);
  return element;
}
