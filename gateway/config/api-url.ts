import { z } from "zod";

/** Loopback needs no TLS: what is sent there doesn't leave the host. */
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The API's URL, of which the certificate vouches for who answers. Plain HTTP is for one machine.
 */
export const apiUrlSchema = z.url({ protocol: /^https?$/ }).refine(
  (text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === "https:" || loopback.test(hostname);
  },
  { message: "must begin with https://, since secrets go there; http:// is for this host alone" },
);
