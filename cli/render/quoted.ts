/** In single quotes, as sh, bash and zsh read them. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
