/** Whether the text has the form of a signed JWT: three parts, the first of them a JSON object in base64url. */
export function looksLikeToken(text: string): boolean {
  return text.startsWith('eyJ') && text.split('.', 4).length === 3;
}
