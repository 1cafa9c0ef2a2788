/** A socket of this host, as `AWS_ENDPOINT_URL` and its kin name it: `unix:/run/…/socket`. */
const socketScheme = "unix:";

/** The endpoint of what listens on a socket. Its folder says who may reach it. */
export const socketEndpoint = (path: string): string => `${socketScheme}${path}`;

/** The socket that an endpoint names; undefined for a URL. */
export const socketOf = (endpoint: string): string | undefined =>
  endpoint.startsWith(socketScheme) ? endpoint.slice(socketScheme.length) : undefined;

/**
 * What a client of AWS is made with to reach an endpoint: what it takes for the URL, and what makes
 * its connections. So the same client reaches AWS, an emulator's URL and a socket.
 */
export const reachedAt = (endpoint: string) => {
  const socketPath = socketOf(endpoint);
  return socketPath === undefined
    ? { endpoint, httpAgent: { keepAlive: true } }
    : { endpoint: "http://localhost", httpAgent: { keepAlive: true, socketPath } };
};
