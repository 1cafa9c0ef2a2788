/** `2026-03-01 01:00:00 UTC`, of an instant in ISO 8601. */
export const instantText = (instant: string): string => instant.replace("T", " ").replace(/(?:\.\d+)?Z$/, " UTC");
