import { get } from "./net.js";
import { trimHtml, trimHtmlTitle } from "./text.js";

export async function items(url, parse) {
  const feed = parse(await get(url));
  return feed.items.map((item) => ({
    title: trimHtmlTitle(item.title),
    body: trimHtml(item.body),
    link: item.link,
  }));
}
