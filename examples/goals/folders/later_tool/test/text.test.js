import assert from "node:assert";
import test from "node:test";
import { trimHtml, trimHtmlTitle } from "../src/text.js";

test("tags go", () => {
  assert.equal(trimHtml("<p>gulls</p>"), "gulls");
});

test("titles are short", () => {
  assert.equal(trimHtmlTitle("<b>" + "x".repeat(99) + "</b>").length, 80);
});
