/** The user's own files: `api/v1/datasets`. A file goes to the server on this machine only. */

import { problem } from "./engine.js";

const BASE = "api/v1/datasets";

async function answer(request) {
    let response;
    try {
        response = await request;
    } catch {
        throw new Error("The server does not answer; try again when it runs.");
    }
    const body = await response.json();
    if (!response.ok) throw new Error(problem(body));
    return body;
}

/** Send a file; returns its summary. */
export function upload(file, { bins, kind = "auto" }) {
    const query = new URLSearchParams({ name: file.name, bins, kind });
    const headers = { "Content-Type": "application/octet-stream" };
    return answer(fetch(`${BASE}?${query}`, { method: "POST", headers, body: file }));
}

/** The summary of a file that the server has, with other bins. */
export const summary = (id, bins) =>
    answer(fetch(`${BASE}/${id}?${new URLSearchParams({ bins })}`));

/** The first rows of one bin. */
export const rows = (id, bins, bin) =>
    answer(fetch(`${BASE}/${id}/bins/${bin}?${new URLSearchParams({ bins })}`));

/** What the server has: the file of the command line, and uploads. */
export const list = async () => (await answer(fetch(BASE))).datasets;
