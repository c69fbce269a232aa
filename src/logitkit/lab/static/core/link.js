/**
 * The state as the fragment of a link, `#v=1&c=apple:1.5,orange:2.2&t=0.5`, and back.
 *
 * Fragments are never sent to a server. Only what differs from the defaults is written; what a later
 * version added is kept as it is. Long ones are packed: `#v=1&z=…`, deflate in base64url.
 */

import { DEFAULTS, FIELDS } from "./state.js";

const VERSION = "1";
const LONGEST = 1500;

/** Return the fragment of `state`, without `#`, and the unknown pairs `kept` with it. */
export function write(state, kept = []) {
    const pairs = [["v", VERSION]];
    for (const [name, field] of Object.entries(FIELDS)) {
        const text = field.write(state[name]);
        if (text !== field.write(DEFAULTS[name])) pairs.push([field.key, text]);
    }
    return [...pairs, ...kept].map(([key, value]) => `${key}=${escape(value)}`).join("&");
}

// The characters that a fragment may have and that make these links readable stay as they are.
const escape = (text) =>
    text.replace(/[^\w.~:,%+\-]/g, (character) => encodeURIComponent(character));

/**
 * Read a fragment. Returns the state, the unknown pairs and a list of sentences, one for each pair
 * that could not be read; its field then has the default.
 */
export function read(fragment) {
    const patch = {};
    const kept = [];
    const problems = [];
    const text = fragment.replace(/^#/, "");
    const pairs = text === "" ? [] : text.split("&").map(split);
    const version = pairs.find(([key]) => key === "v")?.[1];
    if (pairs.length && version !== VERSION) {
        const found = version === undefined ? "no version" : `version “${version.slice(0, 10)}”`;
        return {
            state: DEFAULTS,
            kept,
            problems: [`the link has ${found}; this page reads version 1`],
        };
    }
    for (const [key, value] of pairs) {
        const entry = Object.entries(FIELDS).find(([, field]) => field.key === key);
        if (entry) readField(entry, value, patch, problems);
        else if (key !== "v") kept.push([key, value]);
    }
    return { state: Object.freeze({ ...DEFAULTS, ...patch }), kept, problems };
}

function split(pair) {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

function readField([name, field], text, patch, problems) {
    try {
        const value = field.read(text);
        if (!field.accepts(value)) throw new Error(`accepted is ${field.range}`);
        patch[name] = value;
    } catch (error) {
        problems.push(`${name} is “${text.slice(0, 40)}”: ${error.message}`);
    }
}

/** Pack a long fragment; short ones stay readable. */
export async function pack(fragment) {
    if (fragment.length <= LONGEST) return fragment;
    const bytes = await through(
        new TextEncoder().encode(fragment),
        new CompressionStream("deflate-raw"),
    );
    const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const url = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return `v=${VERSION}&z=${url}`;
}

/** Undo `pack`; throws a sentence where the packed part is damaged. */
export async function unpack(fragment) {
    const packed = fragment.replace(/^#/, "").match(/^v=1&z=([\w-]*)$/)?.[1];
    if (packed === undefined) return fragment;
    try {
        const text = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
        const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
        return new TextDecoder().decode(
            await through(bytes, new DecompressionStream("deflate-raw")),
        );
    } catch {
        throw new Error("the packed part of the link is damaged");
    }
}

async function through(bytes, transform) {
    const stream = new Blob([bytes]).stream().pipeThrough(transform);
    return new Uint8Array(await new Response(stream).arrayBuffer());
}
