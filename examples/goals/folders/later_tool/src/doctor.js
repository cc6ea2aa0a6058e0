import { reachable } from "./net.js";

// says which feeds answer at all
export async function doctor(urls) {
  for (const url of urls) console.log(url, (await reachable(url)) ? "ok" : "no answer");
}
