/** A target that doesn't keep to the protocol: what it sends next can't be understood. */
export class IscsiProtocolError extends Error {}
