import { z } from "zod";

/**
 * The names of this host. Nothing that is sent there leaves it, so it needs no TLS; and no proxy
 * is asked for them.
 */
export const thisHost: readonly string[] = ["127.0.0.1", "localhost", "::1"];

/** Whether a URL's host is this one. */
const isThisHost = ({ hostname }: URL): boolean => thisHost.includes(hostname.replace(/^\[(.*)\]$/, "$1"));

/**
 * The API's URL, wherever it is named: tokens and proofs go there, so a certificate vouches for who
 * answers. Plain HTTP is for one machine.
 */
export const apiUrlSchema = z
  .url({ protocol: /^https?$/, message: "must be a URL such as https://backup.example.com" })
  .max(2000)
  .refine(
    (text) => {
      const url = URL.parse(text);
      return url === null || url.protocol !== "http:" || isThisHost(url);
    },
    { message: "must begin with https://, since secrets go there; http:// is for this host alone" },
  )
  .refine(
    (text) => {
      const url = URL.parse(text);
      return url === null || (url.username === "" && url.password === "");
    },
    { message: "must have no user name or password in it" },
  );

/** The same of an API on this machine. */
export const localApiUrlSchema = apiUrlSchema.refine((text) => isThisHost(new URL(text)), {
  message: "must be a URL of this host",
});
