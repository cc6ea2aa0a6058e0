import { trimHtml } from "./text.js";

export function letter(items) {
  return items.map((item) => `${item.title}\n${trimHtml(item.body)}\n${item.link}`).join("\n\n");
}
