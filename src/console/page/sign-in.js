// The page of who has not signed in: sends the key once, and is then the console.

const said = document.getElementById('said')

document.getElementById('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  // It ends in a note or in another page, whatever happens.
  void signIn(document.getElementById('key').value.trim())
})

async function signIn(key) {
  said.textContent = ''
  const answer = await fetch('/console/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  }).catch(() => undefined)
  if (answer?.ok === true) location.reload()
  else if (answer === undefined) said.textContent = 'Pit does not answer.'
  else said.textContent = (await answer.json()).detail
}
