// Who looks at this page, and what it may change: each change carries the page's token.

import { byId } from './format.js'

let access

/** Says who has signed in. A page that is no longer signed in becomes the one that asks for a key. */
export async function showAccess() {
  const answer = await fetch('/console/access').catch(() => undefined)
  if (answer?.status === 401) return location.reload()
  if (answer?.ok !== true) return
  access = await answer.json()
  const { by, scope, signedIn } = access
  document.body.dataset.scope = scope
  byId('who').textContent = signedIn ? `${by}${scope === 'view' ? ', looks only' : ''}` : ''
  byId('sign-out').hidden = !signedIn
}

/** Posts a change. The answer is `{ ok, status, value }`; without one `ok` is false. */
export async function change(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-pit-page': access?.token ?? '' },
    body: JSON.stringify(body ?? {}),
  }).catch(() => undefined)
  if (answer === undefined)
    return { ok: false, status: 0, value: { detail: 'Pit does not answer.' } }
  const value = await answer.json().catch(() => ({}))
  return { ok: answer.ok, status: answer.status, value }
}

export function openAccess() {
  byId('sign-out').addEventListener('click', () => {
    // It has an answer in any case.
    void change('/console/sign-out').then(() => location.reload())
  })
  // It says nothing where it is not answered: the next frames try again.
  void showAccess()
}
