/** Where a target is reached. */
export interface IscsiPortal {
  readonly host: string;
  readonly port: number;
}

/** @param address `host:port[,group]`, an IPv6 address in brackets; undefined when it is none */
export const portalOf = (address: string): IscsiPortal | undefined => {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s,]+))(?::(\d{1,5}))?(?:,\d+)?$/i.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 3260);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
};
