;; An evaluator for a small Scheme, written in Scheme, that runs two programs.
(define (evaluate form env)
  (cond ((symbol? form) (cdr (find-binding form env)))
        ((not (pair? form)) form)
        (else
         (case (car form)
           ((quote) (cadr form))
           ((if) (evaluate (if (evaluate (cadr form) env) (caddr form) (cadddr form)) env))
           ((lambda) (list 'closure (cadr form) (cddr form) env))
           ((begin) (evaluate-sequence (cdr form) env))
           ((define)
            (if (pair? (cadr form))
                (define-variable! (caadr form) (list 'closure (cdadr form) (cddr form) env) env)
                (define-variable! (cadr form) (evaluate (caddr form) env) env)))
           ((set!) (set-cdr! (find-binding (cadr form) env) (evaluate (caddr form) env)))
           ((let)
            (evaluate `((lambda ,(map car (cadr form)) ,@(cddr form)) ,@(map cadr (cadr form))) env))
           ((cond) (evaluate (cond->if (cdr form)) env))
           (else
            (apply-procedure (evaluate (car form) env)
                             (map (lambda (operand) (evaluate operand env)) (cdr form))))))))

(define (caadr x) (car (cadr x)))
(define (cdadr x) (cdr (cadr x)))

(define (cond->if clauses)
  (cond ((null? clauses) #f)
        ((eq? (caar clauses) 'else) `(begin ,@(cdar clauses)))
        (else `(if ,(caar clauses) (begin ,@(cdar clauses)) ,(cond->if (cdr clauses))))))

(define (evaluate-sequence forms env)
  (if (null? (cdr forms))
      (evaluate (car forms) env)
      (begin (evaluate (car forms) env) (evaluate-sequence (cdr forms) env))))

(define (apply-procedure procedure arguments)
  (if (procedure? procedure)
      (apply procedure arguments)
      (evaluate-sequence (caddr procedure)
                         (cons (map cons (cadr procedure) arguments) (cadddr procedure)))))

;; An environment is a list of frames, a frame a list of bindings.
(define (find-binding name env)
  (cond ((null? env) (error "unbound variable:" name))
        ((assq name (car env)) => (lambda (binding) binding))
        (else (find-binding name (cdr env)))))

(define (define-variable! name value env)
  (set-car! env (cons (cons name value) (car env)))
  name)

(define global
  (list (list (cons '+ +) (cons '- -) (cons '* *) (cons '= =) (cons '< <)
              (cons 'cons cons) (cons 'car car) (cons 'cdr cdr) (cons 'null? null?))))

(define (run program)
  (for-each (lambda (form) (evaluate form global)) program))

(run '((define (factorial n) (if (= n 0) 1 (* n (factorial (- n 1)))))
       (define (fib n) (cond ((< n 2) n) (else (+ (fib (- n 1)) (fib (- n 2))))))
       (define (map f list) (if (null? list) '() (cons (f (car list)) (map f (cdr list)))))
       (define (make-counter)
         (let ((count 0))
           (lambda () (begin (set! count (+ count 1)) count))))
       (define counter (make-counter))))

(write (evaluate '(factorial 20) global)) (newline)
(write (evaluate '(fib 15) global)) (newline)
(write (evaluate '(map (lambda (n) (* n n)) '(1 2 3 4 5)) global)) (newline)
(write (evaluate '(begin (counter) (counter) (counter)) global)) (newline)
