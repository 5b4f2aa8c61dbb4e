//! What is done about a message, a command or the time, in order.

use crate::agent::{Agent, Unheard};
use crate::host::Host;
use crate::ledger::Broken;
use crate::link::AsyncLink;
use crate::member::Identity;
use crate::node::Desk;
use crate::voice::Voice;
use quorate::{Fault, Input, InputOf, Instant, Output, Principal, Target};

/// A payload of a principal.
pub(crate) async fn hear<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    (now, from, payload): (Instant, Principal, &[u8]),
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let (fault, vain) = match protocol.hear(now, from, payload, &voice.identity) {
        Ok(message) => {
            let (input, desk) = (Input::Message(message), (&mut *plain, &mut *frame));
            let outputs = protocol.step(now, input);
            let said = (Some(from), payload);
            let wrong = perform::<P, H, I, L, N>(outputs, host, voice, desk, link, said).await?;
            let vain = wrong || protocol.was_fruitless();
            follow(protocol, host, voice, (plain, frame), link, now).await?;
            voice.sessions.advance(protocol.executed());
            (None, vain)
        }
        Err(Unheard::Known) => (None, true),
        Err(Unheard::Fault(fault)) => (Some(fault), true),
        Err(Unheard::Later(after)) => {
            voice.sessions.quiet(from, now.after(after));
            let busy = P::busy(from, payload, after);
            if let (Some(message), Principal::Client(client)) = (busy, from) {
                let said = (Target::Client(client), message);
                say::<P, H, I, L, N>(said, host, voice, (plain, frame), link).await?;
            }
            (Some(Fault::OverBudget), false)
        }
    };
    // Clients have a pace instead.
    let Principal::Node(node) = from else { return Ok(()) };
    let waits = vain && voice.sessions.bear(from, now);
    if let Some(fault) = fault.or(waits.then_some(Fault::OverBudget)) {
        host.accuse(node, fault);
    }
    Ok(())
}

/// Sends a message to all who are meant.
async fn say<P, H, I, L, const N: usize>(
    (to, message): (Target, P::Message<'_>),
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let Some(length) = voice.encode::<P>(message, plain) else { return Ok(()) };
    let proof = host.ledger().durable().ok_or(Broken(None))?;
    let payload = plain.get(..length).unwrap_or_default();
    voice.send(proof, to, payload, frame, link).await;
    Ok(())
}

/// One step that no message is the input of, and what follows.
pub(crate) async fn step<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    (now, input): (Instant, InputOf<'_, P>),
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let outputs = protocol.step(now, input);
    let (desk, said) = ((&mut *plain, &mut *frame), (None, &[][..]));
    perform::<P, H, I, L, N>(outputs, host, voice, desk, link, said).await?;
    follow(protocol, host, voice, (plain, frame), link, now).await
}

/// What follows a step: one for each command that the host owes, then what the host has to say;
/// and at last the host tidies up.
async fn follow<P, H, I, L, const N: usize>(
    protocol: &mut P,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    now: Instant,
) -> Result<(), H::Error>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    loop {
        let Some(command) = host.command() else { break };
        let outputs = protocol.step(now, Input::Command(command));
        let desk = (&mut *plain, &mut *frame);
        perform::<P, H, I, L, N>(outputs, host, voice, desk, link, (None, &[])).await?;
    }
    loop {
        let Some((to, message)) = host.message() else { break };
        let Some(length) = voice.encode::<P>(message, plain) else { continue };
        let proof = host.ledger().durable().ok_or(Broken(None))?;
        let payload = plain.get(..length).unwrap_or_default();
        voice.send(proof, to, payload, frame, link).await;
    }
    host.settle(protocol).await
}

/// Performs the outputs of one step, in order. Says whether who said its input is accused.
async fn perform<'p, P, H, I, L, const N: usize>(
    outputs: P::Outputs<'p>,
    host: &mut H,
    voice: &mut Voice<I, N>,
    (plain, frame): Desk<'_>,
    link: &mut L,
    (from, said): (Option<Principal>, &[u8]),
) -> Result<bool, H::Error>
where
    P: Agent + 'p,
    H: Host<P>,
    I: Identity,
    L: AsyncLink,
{
    let mut wrong = false;
    for output in outputs {
        match output {
            Output::Persist(record) => {
                host.note(&record);
                host.ledger().append(&record).await?;
            }
            Output::Send { to, message } => {
                let desk = (&mut *plain, &mut *frame);
                say::<P, H, I, L, N>((to, message), host, voice, desk, link).await?;
            }
            Output::Decide(decision) => host.decide(decision, said).await?,
            Output::Accuse { node, fault } => {
                wrong |= from == Some(Principal::Node(node));
                host.accuse(node, fault);
            }
            Output::Refuse(refusal) => host.refuse(refusal)?,
        }
    }
    Ok(wrong)
}
