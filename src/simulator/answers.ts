// The bodies that a console answers with when it has no data to give, in every shape seen in the field.

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string | Buffer;
}

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html' };

/** `{"errors":[{"code","title","detail"}]}`; codes are the HTTP status followed by four digits. */
export function errorAnswer(status: number, code: number, title: string, detail: string | null): Answer {
  return { status, headers: json, body: JSON.stringify({ errors: [{ code, detail, title }] }) };
}

/** A page as nginx writes it in front of the console. */
export function nginxAnswer(status: number, title: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const heading = `${status} ${title}`;
  return {
    status,
    headers: { ...html, ...headers },
    body: `<html>\r\n<head><title>${heading}</title></head>\r\n<body>\r\n<center><h1>${heading}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`,
  };
}

export function jsonAnswer(value: unknown, status = 200): Answer {
  return { status, headers: json, body: JSON.stringify(value) };
}

/** No source shows another body for an expired token than for a wrong one. */
export function unauthorized(): Answer {
  return errorAnswer(401, 4010010, 'Authentication Failed', null);
}

export function badRequest(detail: string): Answer {
  return errorAnswer(400, 4000010, 'Validation Error', detail);
}

/** A wrong path is answered in plain text, unlike a resource that is not there. */
export function wrongPath(): Answer {
  return { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '404 page not found\n' };
}
