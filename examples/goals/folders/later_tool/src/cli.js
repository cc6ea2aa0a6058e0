#!/usr/bin/env node
import { doctor } from "./doctor.js";
import { items } from "./feeds.js";
import { letter } from "./mail.js";
import { VERSION } from "./version.js";

// FeedTimeout comes from net.js and is caught here
const wanted = process.argv[2];
if (wanted === "--version") console.log(VERSION);
else if (wanted === "--doctor") await doctor(process.argv.slice(3));
else console.log(letter(await items(wanted, JSON.parse)));
