/**
 * A connection that ended, or was ended because its target doesn't answer or can't be understood.
 * What was under way may or may not have been done.
 */
export class ConnectionLost extends Error {}
