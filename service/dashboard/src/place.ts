/** Where the page is: below whatever path a proxy serves it, with or without a slash at the end of its address. */

/** The address of the page's folder, which is the service's too, with a slash at its end: the icon lies there. */
const folder = new URL(".", document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? document.baseURI);

/** The address of what the service has at `path`, which begins with "/". */
export const addressOf = (path: string): string => `${folder.href}${path.slice(1)}`;

/** A name for what this page keeps in the browser; other services of the same origin, below other paths, have their own. */
export const ownName = (name: string): string => `${name} ${folder.pathname}`;
