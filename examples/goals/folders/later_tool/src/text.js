export function trimHtml(text) {
  return text.replace(/<[^>]*>/g, "").trim();
}

export function trimHtmlTitle(title) {
  return trimHtml(title).slice(0, 80);
}
