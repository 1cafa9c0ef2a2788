import { connect } from "node:net";

/** @param address `host:port`, with an address of IPv6 in brackets */
export const placeIn = (address: string): { readonly host: string; readonly port: number } => {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
};

/**
 * Whether somebody accepts a connection; nothing is sent.
 * @returns why not, as a clause; undefined when somebody does
 */
export const askTcp = (address: string, signal: AbortSignal): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = connect(placeIn(address));
    const end = (why: string | undefined) => {
      signal.removeEventListener("abort", late);
      socket.destroy();
      resolve(why);
    };
    const late = () => end("nobody answered in time");
    if (signal.aborted) return late();
    signal.addEventListener("abort", late, { once: true });
    socket.once("connect", () => end(undefined));
    // More may come after the first.
    socket.on("error", (error) => end(error.message));
  });
